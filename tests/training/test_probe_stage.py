"""The probe's stage: rows that depend on their draw alone, labels as the renderer and the projection have them, learning."""

from __future__ import annotations

import dataclasses
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.clip import Clip
from drivesim.conditioning.projection import image_boxes
from drivesim.controls import Control
from drivesim.datasets.sample import Sample
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.judges.probe import ProbeNetwork
from drivesim.judges.probe.labels import DEFAULT_RULE, drawn_shares
from drivesim.judges.probe.network import MOTION_UNITS
from drivesim.models.hashes import verify_folder
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.packing import pack
from drivesim.training.callbacks import read_curve
from drivesim.training.chain import run_chain
from drivesim.training.optimizer import MasterAdamW
from drivesim.training.parts import Parts
from drivesim.training.probe_batches import clip_labels, mirrored, pack_boxes, unpack_boxes, unpack_targets
from drivesim.training.probe_stage import ProbeStage
from drivesim.training.recipe import read_recipe
from drivesim.training.stage import Batch, NothingToLearn
from drivesim.training.stream import Draw

SMALL = {"widths": [8, 16, 16], "num_blocks": [1, 1, 1], "features": 16, "motion_widths": [4, 4]}

RECIPE = """\
recipe: tiny-probes
data: {validation_batches: 1, validation_share: 0.2, batch_size: 2}
trainer: {max_steps: 2, val_check_interval: 2, log_every_n_steps: 1, enable_progress_bar: false}
stages:
  probe:
    model: {class_path: drivesim.training.ProbeStage, init_args: {network: {widths: [8, 8, 8, 8], features: 8, motion_widths: [4, 4]}}}
    curve: {every: 1}
  features:
    model:
      class_path: drivesim.training.FeatureStage
      init_args: {seed: 1, network: {widths: [4, 8, 8, 8]}}
    trainer: {max_steps: 1, val_check_interval: 1}
"""


@pytest.fixture(scope="module")
def clips(store: Path) -> ClipStore:
    return ClipStore(store)


@pytest.fixture
def stage(tmp_path: Path) -> ProbeStage:
    return ProbeStage(tmp_path, dtype="float32", network=SMALL)


def _batch(stage: ProbeStage, clips: ClipStore, *samples: int) -> Batch:
    return stage.batches(clips, Path())([Draw(5 + place, sample) for place, sample in enumerate(samples)])


def test_a_chain_of_probes_ends_with_networks_and_says_nothing_of_a_model(store: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    recipe, said = read_recipe(str(tmp_path / "tiny.yaml")), []
    overrides = [f"--data.path={store}"]
    for _ in range(2):  # the second time, all is finished
        run_chain(recipe, tmp_path, stages=list(recipe.stages), initial=None, overrides=overrides, say=said.append)
        assert said[-2:] == [f"network written to {tmp_path / 'networks' / n}" for n in ("probe", "features")]
    assert not [line for line in said if "complete" in line or "model" in line]
    assert not (tmp_path / "model").exists()
    curve = read_curve(tmp_path / "probe" / "metrics.csv")
    assert {name for _, name, _ in curve} >= {
        "loss",
        "validation_loss",
        "validation_recall",
        "validation_speed_error_mps",
    }
    assert list((tmp_path / "probe" / "samples").glob("*.png"))
    verify_folder(tmp_path / "networks" / "probe")
    verify_folder(tmp_path / "networks")
    networks = [Parts(tmp_path).finished(name) for name in ("probe", "features")]
    assert [list(network.config.widths) for network in networks] == [[8, 8, 8, 8], [4, 8, 8, 8]]


def test_the_loss_falls_on_one_batch(stage: ProbeStage, clips: ClipStore) -> None:
    batch = _batch(stage, clips, 0)
    optimizer = MasterAdamW(list(stage.network.parameters()), lr=5e-3, weight_decay=0.0, average_decay=0.9)
    losses = []
    for _ in range(12):
        loss = stage.loss(batch, torch.Generator())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_saved_probe_gives_the_same_outputs(clips: ClipStore, tmp_path: Path) -> None:
    stage = ProbeStage(tmp_path, dtype="bfloat16", network=SMALL)
    stage.parts.save("probe", stage.trained())
    loaded = Parts(tmp_path, dtype="bfloat16").finished("probe")
    assert isinstance(loaded, ProbeNetwork) and loaded.dtype == torch.bfloat16
    batch = _batch(stage, clips, 1)
    with torch.inference_mode():
        pairs = zip(
            *(vars(network(batch["frames"], batch["previous"])).values() for network in (stage.network, loaded)),
            strict=True,
        )
        assert all(torch.equal(before, after) for before, after in pairs)


def test_seeds_make_other_networks_and_other_rows(clips: ClipStore, tmp_path: Path) -> None:
    first, again, other = (ProbeStage(tmp_path, network=SMALL, seed=seed) for seed in (0, 0, 1))
    weights = [stage.network.heatmap.mix.weight for stage in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    frames = [_batch(stage, clips, 0, 1)["frames"] for stage in (first, again, other)]
    assert torch.equal(frames[0], frames[1]) and not torch.equal(frames[0], frames[2])


def test_a_row_depends_on_its_draw_alone_even_in_another_process(clips: ClipStore, tmp_path: Path) -> None:
    codec = FrameCodec(widths=(4, 4, 4, 4), encoder_blocks=(1, 1, 1, 1), decoder_blocks=(1, 1, 1, 1))
    Parts(tmp_path).save("codec", codec)
    stage = ProbeStage(tmp_path, dtype="float32", network=SMALL, codec_share=1.0)
    batches = stage.batches(clips, Path())
    whole = batches([Draw(position, position % 6) for position in range(3)])
    single = pickle.loads(pickle.dumps(batches))([Draw(2, 2)])
    for name in set(whole) - {"boxes"}:
        assert torch.equal(whole[name][2], single[name][0]), name
    changed = [not torch.equal(a, b) for a, b in zip(whole["frames"], _batch_clean(whole), strict=True)]
    assert any(changed)


def _batch_clean(batch: Batch) -> torch.Tensor:
    return batch["clean"][:, 1].permute(0, 3, 1, 2).float() / 127.5 - 1.0


def test_the_codec_is_asked_for_only_when_it_is_used(clips: ClipStore, tmp_path: Path) -> None:
    ProbeStage(tmp_path, network=SMALL).prepare(clips, tmp_path)
    with pytest.raises(InputError, match="this stage needs the part 'codec'"):
        ProbeStage(tmp_path, network=SMALL, codec_share=0.5).prepare(clips, tmp_path)


def test_labels_are_the_projected_boxes_of_the_rendered_scene(stage: ProbeStage, clips: ClipStore) -> None:
    batches, counted = stage.batches(clips, Path()), 0
    for index in range(len(clips)):
        original = clips.sample(index)
        labels = batches.labels(index, 2)
        expected = image_boxes(original.scene, 2)
        assert labels.boxes is not None and len(labels.boxes) == len(expected)
        corners = [[box.x_min, box.y_min, box.x_max, box.y_max] for box in expected]
        np.testing.assert_allclose(labels.boxes.xyxy, np.reshape(corners, (-1, 4)), atol=1e-6)
        np.testing.assert_array_equal(labels.semantic, original.semantic[2])
        shown = drawn_shares(labels.boxes.category, labels.boxes.xyxy, original.semantic[2])
        assert (shown[labels.boxes.counts] >= DEFAULT_RULE.min_drawn_share).all()
        counted += int(labels.boxes.counts.sum())
        moved = np.linalg.norm(np.diff(original.scene.ego.positions[1:3, :2], axis=0))
        assert abs(labels.motion[0]) == pytest.approx(moved, abs=0.02)
    assert counted >= 5


def test_the_targets_of_a_mirrored_row_are_mirrored(clips: ClipStore, tmp_path: Path) -> None:
    plain, turned = (
        _batch(ProbeStage(tmp_path, network=SMALL, mirrored_share=share), clips, *range(3)) for share in (0.0, 1.0)
    )
    assert torch.equal(turned["clean"], plain["clean"].flip(3))
    before, after = unpack_targets(plain), unpack_targets(turned)
    assert torch.equal(after.semantic, before.semantic.flip(3))
    assert torch.equal(after.motion, before.motion * torch.tensor([1.0, -1.0]))
    assert after.is_centre.sum() == before.is_centre.sum() > 0
    rows, columns = (torch.nonzero(t.is_centre[:, 0])[:, [0, 2]].T for t in (before, after))
    assert sorted(zip(rows[0].tolist(), (127 - rows[1]).tolist(), strict=True)) == sorted(
        zip(columns[0].tolist(), columns[1].tolist(), strict=True)
    )
    label = clip_labels(clips, 0)[1]
    twice = mirrored(mirrored(label))
    np.testing.assert_allclose(twice.boxes.xyxy, label.boxes.xyxy)
    np.testing.assert_allclose(twice.attributes, label.attributes)


def test_boxes_survive_packing_into_a_tensor(clips: ClipStore) -> None:
    labels = [clip_labels(clips, index)[1].boxes for index in range(3)]
    packed = pack_boxes([*labels, None])
    for row, label in enumerate(labels):
        found = unpack_boxes(packed[row], label.width, label.height)
        for field in ("category", "xyxy", "distance_m", "counts"):
            np.testing.assert_allclose(getattr(found, field), getattr(label, field), rtol=1e-6, atol=1e-4)
    assert len(unpack_boxes(packed[3], 512, 256)) == 0


def test_figures_of_perfect_outputs_are_perfect(
    stage: ProbeStage, clips: ClipStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = _batch(stage, clips, *range(6))
    targets = unpack_targets(batch)
    perfect = dataclasses.replace(
        stage.network(batch["frames"], batch["previous"]),
        heatmap=torch.logit(targets.heatmap.clamp(1e-6, 1 - 1e-6)),
        size=targets.size,
        offset=targets.offset,
        semantic=targets.semantic,
        motion=targets.motion + torch.tensor([0.5, 0.0]),
    )
    monkeypatch.setattr(stage.network, "forward", lambda *_: perfect)
    figures = stage.figures(batch)
    recall, count = figures["validation_recall"]
    assert count >= 5 and recall > 0.9 and figures["validation_precision"][0] > 0.9
    assert figures["validation_semantic_accuracy"][0] == 1.0
    fast = 0.5 * MOTION_UNITS[0] * clips.fps
    assert figures["validation_speed_error_mps"] == (pytest.approx(fast), 6)
    assert figures["validation_yaw_rate_error_dps"][0] == pytest.approx(0.0, abs=1e-6)


def test_pictures_show_labels_beside_what_is_found(stage: ProbeStage, clips: ClipStore) -> None:
    batch = _batch(stage, clips, *range(5))
    picture = stage.pictures(batch)
    assert picture.shape == (4 * 256, 2 * 512, 3) and picture.dtype == np.uint8
    assert (picture[:, :512] == (60, 230, 60)).all(-1).any()
    assert not (picture[:, 512:] == (60, 230, 60)).all(-1).any()


class Bare:
    """One frame of the store's clips, every ``step``-th pixel, from a source that knows only the ``known`` controls."""

    def __init__(self, clips: ClipStore, known: frozenset[Control], step: int = 1) -> None:
        self.clips, self.known, self.step = clips, known, step

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        sample, step = self.clips.sample(index), self.step
        scene = sample.scene.window(0, 1)
        camera = scene.camera.resized(512 // step, 256 // step)
        return dataclasses.replace(
            sample,
            clip=Clip(np.ascontiguousarray(sample.clip.frames[:1, ::step, ::step]), sample.clip.fps),
            scene=dataclasses.replace(scene, camera=camera),
            times_us=sample.times_us[:1],
            known=self.known,
            semantic=None,
            large=None,
        )

    def describe(self) -> dict[str, object]:
        return {"kind": "bare", "known": sorted(self.known), "step": self.step}


def test_what_a_source_does_not_know_is_not_taught(stage: ProbeStage, clips: ClipStore, tmp_path: Path) -> None:
    pack(Bare(clips, frozenset({Control.ATTRIBUTES})), tmp_path / "part.zarr")
    batch = _batch(stage, ClipStore(tmp_path / "part.zarr"), 0, 1)
    targets = unpack_targets(batch)
    assert targets.attributes_known.tolist() == [1.0, 1.0]
    for unknown in (targets.heat_weight, targets.is_centre, targets.semantic_known, targets.motion_known):
        assert not unknown.any()
    figures = stage.measures(batch, torch.Generator())
    assert math.isnan(figures["validation_recall"]) and math.isnan(figures["validation_speed_error_mps"])
    assert math.isfinite(figures["validation_loss"]) and stage.pictures(batch).shape == (512, 1024, 3)


def test_a_store_that_teaches_nothing_or_has_other_frames_is_refused(
    stage: ProbeStage, clips: ClipStore, tmp_path: Path
) -> None:
    pack(Bare(clips, frozenset()), tmp_path / "bare.zarr")
    with pytest.raises(NothingToLearn, match="bare video has none of them"):
        stage.prepare(ClipStore(tmp_path / "bare.zarr"), tmp_path)
    pack(Bare(clips, frozenset({Control.ACTORS}), 2), tmp_path / "small.zarr")
    with pytest.raises(InputError, match="frames of 128x256; the probe takes 256x512"):
        stage.batches(ClipStore(tmp_path / "small.zarr"), tmp_path)


def test_an_unknown_change_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no setting blurr; it has blur_share, .*model\.codec_share"):
        ProbeStage(tmp_path, network=SMALL, augmentation={"blurr": 1.0})
    assert ProbeStage(tmp_path, network=SMALL, augmentation={"noise": 3.0}).augmentation.noise == 3.0
