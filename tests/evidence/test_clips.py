"""The same scenes in every kind of video, measured alike; and what their sections say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_judges import JudgedLoaded, silent, tiny_judges

from drivesim.evidence.clips import AT_JUNCTIONS, KINDS, Clips, gather_clips, gather_junctions
from drivesim.evidence.held_out import REPORT_SEED
from drivesim.evidence.measure import clip_rows, judged, measure
from drivesim.evidence.sections.junctions import junctions_section
from drivesim.evidence.sections.likeness import likeness_section, steadiness_section
from drivesim.evidence.sections.obedience import obedience_section, probe_section, start_section, summaries_of
from drivesim.judges.load import Judges
from drivesim.metrics.fvd import NOT_COMPUTED, load_i3d

SEEDS = [REPORT_SEED, REPORT_SEED + 1]


class Means(torch.nn.Module):
    """Honours the contract of an I3D file: 400 means of the picture and of what changes."""

    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        still = torch.nn.functional.adaptive_avg_pool3d(x, [1, 8, 8]).flatten(1)
        change = torch.nn.functional.adaptive_avg_pool3d((x[:, :, 1:] - x[:, :, :-1]).abs(), [1, 8, 8]).flatten(1)
        return torch.cat([still, change, torch.zeros(x.shape[0], 16)], dim=1)


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Judges:
    return tiny_judges(tmp_path_factory.mktemp("judges"))


@pytest.fixture(scope="module")
def clips(judges: Judges) -> Clips:
    return gather_clips(JudgedLoaded(), judges, SEEDS, 0.2, silent, keep_frames=("rendered", "scripted", "frozen"))


def test_every_kind_is_made_of_every_scene(clips: Clips) -> None:
    assert clips.num_frames == 5  # 0.2 s are 2 frames: the first and a chunk of four
    assert set(clips.videos) == set(clips.flicker) == set(KINDS)
    for kind, videos in clips.videos.items():
        assert [len(video.readings) for video in videos] == [5, 5], kind
        assert all(video.obedience is not None and len(video.drift) == 5 for video in videos)
    assert len(clips.other) == len(clips.labels) == 2
    assert clips.other[0].obedience is None


def test_only_the_kinds_asked_for_keep_their_frames(clips: Clips) -> None:
    assert set(clips.raw) == {"rendered", "scripted", "frozen"}
    assert [video.shape for video in clips.raw["rendered"]] == [(5, 256, 512, 3)] * 2
    frozen = clips.raw["frozen"][0]
    assert (frozen == frozen[0]).all()
    assert np.array_equal(frozen[0], clips.raw["rendered"][0][0])


def test_a_frozen_video_does_not_move_and_a_rendered_one_does(clips: Clips) -> None:
    motion = {kind: [video.drift.curves["motion"].mean() for video in videos] for kind, videos in clips.videos.items()}
    assert max(motion["frozen"]) == 0.0 < min(motion["rendered"])
    assert np.mean(clips.flicker["rendered"]) < np.mean(clips.flicker["scripted"]), "an untrained model flickers"


def test_the_same_seeds_give_the_same_clips(clips: Clips, judges: Judges) -> None:
    again = gather_clips(JudgedLoaded(), judges, SEEDS[:1], 0.2, silent)
    for kind in KINDS:
        assert np.allclose(again.videos[kind][0].features, clips.videos[kind][0].features), kind
    assert again.raw == {}


def test_sections_compare_the_model_with_what_is_reachable(clips: Clips) -> None:
    rng = np.random.default_rng(0)
    obedience = {figure.key: figure for figure in obedience_section(clips, summaries_of(clips, rng), rng).figures}
    assert set(obedience["obedience.road_iou"].references) == {"rendered", "codec", "frozen", "shifted"}
    assert "by chance" in obedience["obedience.road_iou"].note
    colour = obedience["obedience.colour_error"]
    assert colour.value is not None and colour.references["rendered"].value == 0.0
    assert colour.value.value > colour.references["codec"].value > 0.0
    start = {figure.key: figure for figure in start_section(clips, rng).figures}
    assert set(start["start.road_iou"].references) == {"rendered", "codec"}
    assert start["start.colour_error"].value is not None and start["start.sharpness"].references["rendered"].value > 0.0
    steady = {figure.key: figure for figure in steadiness_section(clips, rng).figures}
    assert steady["steadiness.motion"].references["frozen"].value == 0.0
    section, warnings = probe_section(summaries_of(clips, rng))
    assert section.figures[0].key == "probe.recall_24px"
    assert any("m/s in speed" in warning for warning in warnings), "an untrained probe misses its bar"


def test_junctions_stand_beside_scenes_without_one(clips: Clips, judges: Judges) -> None:
    said: list[float] = []
    there = gather_junctions(JudgedLoaded(), judges, REPORT_SEED, 2, 0.2, lambda _, share: said.append(share))
    assert said == [0.5, 1.0] and set(there.videos) == set(there.flicker) == set(AT_JUNCTIONS)
    assert len(there.seeds) == len(there.labels) == 2 and there.other == []
    rng = np.random.default_rng(0)
    section = junctions_section(there, clips, summaries_of(clips, rng), rng)
    figures = {figure.key: figure for figure in section.figures}
    assert set(figures["junctions.flicker"].references) == {"rendered", "codec", "frozen", "shifted"}
    assert figures["junctions.flicker"].references["rendered"].value == pytest.approx(
        np.mean(there.flicker["rendered"])
    )
    usual = np.mean(clips.flicker["scripted"])
    assert figures["junctions.flicker"].note.startswith(f"scenes without a junction: {usual:.2f}")
    assert {len(row) for row in section.tables[0].rows} == {1 + len(AT_JUNCTIONS)} and len(section.pictures) == 2


def test_without_a_file_there_is_no_fvd_and_with_one_it_is_used(tmp_path: Path, judges: Judges) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (4, 16, 64, 128, 3), dtype=np.uint8)
    videos = [measure([np.repeat(np.repeat(frame, 4, 0), 4, 1) for frame in clip[:3]], 10.0, judges) for clip in noise]
    made = Clips(
        seeds=(1, 2, 3, 4),
        num_frames=16,
        fps=10.0,
        labels=[],
        videos=dict.fromkeys(KINDS, videos),
        other=videos,
        flicker={},
        raw={"rendered": list(noise), "scripted": list(noise // 2)},
    )
    rng = np.random.default_rng(0)
    (figure,) = [each for each in likeness_section(made, rng, None).figures if each.key == "likeness.fvd"]
    assert figure.value is None and figure.note == NOT_COMPUTED
    torch.jit.script(Means()).save(str(tmp_path / "i3d.pt"))
    section = likeness_section(made, rng, load_i3d(tmp_path / "i3d.pt"))
    (figure,) = [each for each in section.figures if each.key == "likeness.fvd"]
    assert figure.value is not None and figure.value.value > 1.0
    assert "i3d.pt" in figure.note and "scenes 1-4" in figure.note


def test_judges_see_frames_at_their_own_size(judges: Judges) -> None:
    large = np.random.default_rng(0).integers(0, 255, (512, 1024, 3), dtype=np.uint8)
    means = large.reshape(256, 2, 512, 2, 3).mean(axis=(1, 3))
    assert np.abs(judged(large) - means).max() <= 1.0
    found = measure([large, large], 10.0, judges)
    assert found.features.shape == (1, 128) and found.shown.shape == (4, 160, 320, 3)
    assert np.allclose(clip_rows([found])[0], found.features[0])
