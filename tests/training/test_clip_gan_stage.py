"""The adversarial phase of clip autoencoders: what discriminators see, what learns, and that a crash changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.training import ClipGan3DStage, PlaneGanStage
from drivesim.training.adversarial import Judged, hinge_loss
from drivesim.training.callbacks import last_checkpoint, read_curve
from drivesim.training.chain import run_chain
from drivesim.training.clip_batches import clip_encoder_hash, latents_file
from drivesim.training.clip_gan_stage import ClipPatchDiscriminator
from drivesim.training.parts import Parts
from drivesim.training.recipe import read_recipe

STAGES: dict[str, Any] = {"pvdm": PlaneGanStage, "lvdm": ClipGan3DStage}


def _train(family: str, work: Path, store: Path, stages: list[str], *words: str) -> None:
    overrides = [
        f"--data.path={store}", "--data.batch_size=1", "--data.validation_share=0.3", "--trainer.enable_progress_bar=false",
        "--trainer.val_check_interval=2", "--model.dtype=float32", *words,
    ]  # fmt: skip
    run_chain(read_recipe(f"{family}-smoke"), work, stages=stages, initial=None, overrides=overrides, say=str)


@pytest.fixture(scope="module", params=list(STAGES))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def work(family: str, small_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an autoencoder of one step, by the packaged recipe."""
    folder = tmp_path_factory.mktemp(family)
    _train(family, folder, small_clips, ["autoencoder"], "--trainer.max_steps=1")
    return folder


def _state(work: Path) -> dict[str, torch.Tensor]:
    return torch.load(last_checkpoint(work / "gan"), weights_only=False)["state_dict"]


def _copy(work: Path, target: Path) -> Path:
    shutil.copytree(work / "model", target / "model")
    return target


def test_decoder_and_discriminators_move_and_the_encoder_does_not(
    family: str, work: Path, small_clips: Path, tmp_path: Path
) -> None:
    before = Parts(work, family=family).finished("autoencoder")
    fresh = STAGES[family](work, dtype="float32", discriminator_width=8, frame_discriminator=family == "pvdm")
    _train(family, _copy(work, tmp_path), small_clips, ["gan"], "--trainer.max_steps=2", "--model.start_step=0")
    old, new = fresh.state_dict(), _state(tmp_path)
    assert old.keys() == new.keys()
    trained = {name for name, parameter in fresh.named_parameters() if parameter.requires_grad}
    moved = {name for name in new if not torch.equal(old[name], new[name])}
    # Within the hinges' margins truth and drawn pull the last bias equally.
    still = {name for name in trained if name.startswith("discriminators") and name.endswith(".out.bias")}
    assert moved - {name for name, _ in fresh.named_buffers()} == trained - still
    after = Parts(tmp_path, family=family).finished("autoencoder")
    for name, weights in before.state_dict().items():
        assert torch.equal(weights, after.state_dict()[name]) or name.split(".")[0] not in before.ENCODER, name
    assert getattr(before.config, "latent_std", None) == getattr(after.config, "latent_std", None)
    clips = torch.rand(1, 3, *before.clip_shape)
    assert torch.equal(before.encode(clips), after.encode(clips)), "a denoiser's latents stay valid"
    store = ClipStore(small_clips)
    assert latents_file(before, store, tmp_path, 1) == latents_file(after, store, tmp_path, 1)


def test_discriminators_learn_from_numbers_whatever_memory_held(work: Path, family: str) -> None:
    stage = STAGES[family](work, dtype="bfloat16", frame_discriminator=True)
    clips = torch.rand(2, 3, *stage.network.clip_shape) * 2 - 1
    seen = Judged(clips, clips.flip(-1), torch.ones_like(clips[:, :1]))
    for discriminator in stage.discriminators:
        loss = hinge_loss(discriminator, seen)
        dirty = [torch.full((size,), float("nan"), dtype=torch.bfloat16) for size in (216, 1000, 5000, 30000) * 20]
        del dirty
        loss.backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in discriminator.parameters())


def test_the_latents_hang_on_the_encoder_and_the_statistics(family: str, work: Path) -> None:
    network = Parts(work, dtype="float32", family=family).finished("autoencoder").requires_grad_(True)
    network.encode(torch.rand(1, 3, *network.clip_shape)).sum().backward()
    reached = {name.split(".")[0] for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert reached == set(network.ENCODER)
    known = clip_encoder_hash(network)
    with torch.no_grad():
        network.last_weight.add_(1.0)
        assert clip_encoder_hash(network) == known
        next(getattr(network, network.ENCODER[-1]).parameters()).add_(1.0)
        changed = clip_encoder_hash(network)
        assert changed != known
        if family == "lvdm":
            network.std.mul_(2.0)
            assert clip_encoder_hash(network) != changed


def test_a_stage_that_crashed_repeats_the_curve_of_an_undisturbed_one(
    family: str, work: Path, small_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--trainer.max_steps=8", "--checkpoint.steps=2")
    for name in ("whole", "crashed"):
        _copy(work, tmp_path / name)
    _train(family, tmp_path / "whole", small_clips, ["gan"], *words)
    draw = STAGES[family].draw_judged

    def crash(self: Any, *arguments: Any) -> Any:
        if self.updates == 3:
            raise RuntimeError("the power went")
        return draw(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(STAGES[family], "draw_judged", crash)
        with pytest.raises(RuntimeError, match="the power went"):
            _train(family, tmp_path / "crashed", small_clips, ["gan"], *words)
    _train(family, tmp_path / "crashed", small_clips, ["gan"], *words)
    curves = [read_curve(tmp_path / name / "gan" / "metrics.csv") for name in ("whole", "crashed")]
    assert [step for step, name, _ in curves[0] if name == "discriminator_loss"] == [1, 2, 3, 4]
    assert curves[0] == curves[1]
    whole, continued = _state(tmp_path / "whole"), _state(tmp_path / "crashed")
    assert whole.keys() == continued.keys()
    assert not [name for name in whole if not torch.equal(whole[name], continued[name])]


def test_until_the_start_step_the_decoder_learns_from_reconstruction_alone(family: str, work: Path) -> None:
    stage = STAGES[family](work, dtype="float32", discriminator_width=4, start_step=1)
    batch = {**stage.example_batch(1), "clips": torch.rand(1, 3, *stage.network.clip_shape)}
    plain, seen = stage.draw_judged(batch, torch.Generator().manual_seed(0))

    stage.discriminators.eval()  # in training every pass moves the estimate of the spectral norm

    class AtStep:
        global_step = 0

    stage._trainer = AtStep()
    assert stage._opposed(plain, seen)[0] == plain
    stage._trainer.global_step = 2  # a step of each optimiser
    total, shares = stage._opposed(plain, seen)
    with torch.no_grad():
        (judge,) = stage.discriminators
        (logits, made), (_, true) = judge(seen.drawn), judge(seen.truth)
        matched = torch.stack([(a - b).abs().mean() for a, b in zip(made, true, strict=True)]).mean()
    assert float(shares["feature_matching"]) == pytest.approx(float(matched), rel=1e-4)
    assert total.item() == pytest.approx(float(plain.detach() + matched - 0.1 * logits.mean()), rel=1e-4)


def test_an_adaptive_weight_is_the_ratio_of_the_gradients(family: str, work: Path) -> None:
    stage = STAGES[family](work, dtype="float32", discriminator_width=4, adaptive=True)
    last = stage.network.last_weight
    one, two = last.square().sum(), (3.0 * last).sum()
    expected = float(2.0 * last.detach().norm() / (3.0 * last.numel() ** 0.5 + 1e-4))
    assert float(stage.balance(one, two)) == pytest.approx(expected, rel=1e-5)
    assert float(stage.balance(one, 0.0 * two)) == pytest.approx(min(1e4, float(2.0 * last.detach().norm()) / 1e-4))


@torch.no_grad()
def test_a_discriminator_of_clips_sees_time_and_one_of_frames_does_not() -> None:
    torch.manual_seed(0)
    clips, order = torch.randn(1, 3, 8, 32, 64), [3, 7, 0, 5, 2, 6, 1, 4]
    of_clips, of_frames = ClipPatchDiscriminator(8).eval(), ClipPatchDiscriminator(8, sees_time=False).eval()
    logits, features = of_clips(clips)
    assert logits.shape == (1, 1, 2, 4, 8) and [f.shape[2] for f in features] == [8, 4, 2]
    shuffled = of_clips(clips[:, :, order])[0]
    assert (logits.mean((2, 3, 4)) - shuffled.mean((2, 3, 4))).abs() > 1e-3 * logits.std()
    assert not torch.allclose(logits.amax(2), shuffled.amax(2), atol=1e-3 * float(logits.std()))
    logits = of_frames(clips)[0]
    assert logits.shape == (1, 1, 8, 4, 8)
    assert torch.allclose(of_frames(clips[:, :, order])[0], logits[:, :, order], atol=1e-6)
    assert of_clips(clips[:, :, :1])[0].shape == (1, 1, 1, 4, 8), "a clip of one frame has a logit too"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clip_discriminator": False}, "are both off: expected one at least"),
        ({"adversarial_weight": -1.0}, "model.adversarial_weight is -1.0: expected at least 0"),
        ({"discriminator_width": 0}, "model.discriminator_width is 0: expected at least 1"),
    ],
)
def test_settings_with_which_nothing_is_learnt_are_refused(
    settings: dict[str, Any], message: str, family: str, work: Path
) -> None:
    with pytest.raises(InputError, match=message):
        STAGES[family](work, **settings)


def test_without_an_autoencoder_the_stage_says_what_to_train(family: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this stage needs the part 'autoencoder'; train that stage first"):
        STAGES[family](tmp_path)
