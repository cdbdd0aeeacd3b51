"""The arithmetic and the tables of the benchmark programs; what they time is not tested."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import rollout
from ablations import Case, GuidedDenoiser, drift
from cost import compared
from measuring import ended_well, flop_of, put_between_marks, significant, table
from published_sizes import PUBLISHED, counted, videos_table
from run_all import Figures, combined, comparison
from settings_over_length import variants
from text_reading import FREE, GROUP_OF, WRITTEN, attributes, scores

from drivesim.conditioning import LAYOUT
from drivesim.controls import LAYOUT_SIZE, RASTER_CHANNELS, Controls
from drivesim.datasets.procedural.scene_sampler import sample_scene


def timed(seconds: float, frames: int, gflop: float, published: float, peak: float) -> dict[str, float]:
    return {
        "seconds": seconds, "frames": frames, "gflop": gflop, "published_gflop": published, "peak_gb": peak,
        "parameters": 1_524_623_082,
    }  # fmt: skip


def test_a_sampling_is_its_passes_and_one_decoding() -> None:
    figures, said = combined("peer", 14, 50, timed(20.0, 2, 100.0, 700.0, 5.0), timed(3.0, 1, 10.0, 140.0, 6.0))
    total = 50 * 20.0 * 7 + 3.0 * 14
    assert figures.first_frame_s == pytest.approx(total)
    assert figures.seconds_per_frame == pytest.approx(total / 14)
    assert figures.gflop_per_frame == pytest.approx((50 * 700 + 140) / 14)
    assert figures.peak_gb == 6.0
    assert "1 525 M parameters" in said and "one pass over 2 frames took 20.0 s" in said


def test_models_are_compared_as_ratios_to_the_default() -> None:
    default = Figures(name="ours", seconds_per_frame=0.1, gflop_per_frame=50.0, first_frame_s=4.0, peak_gb=0.8)
    peer = Figures(name="theirs", seconds_per_frame=54.0, gflop_per_frame=145_000.0, first_frame_s=750.0, peak_gb=8.0)
    lines = comparison(default, [peer]).splitlines()
    assert [cell.strip() for cell in lines[3].strip("|").split("|")] == [
        "theirs", "54.0", "540 ×", "1 450 000", "2 900 ×", "750", "8.00", "10.0 ×",
    ]  # fmt: skip
    assert lines[2].count("1.00 ×") == 3


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.01234, "0.0123"), (1.0, "1.00"), (99.96, "100.0"), (12345.6, "12 300")]
)
def test_three_digits_count(value: float, text: str) -> None:
    assert significant(value) == text


def test_a_table_goes_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("head\n<!-- a -->\nold\n<!-- /a -->\nmiddle\n<!-- b -->\nkept\n<!-- /b -->\n")
    put_between_marks(page, "a", table(("x", "y"), [(1, 2)]))
    assert page.read_text() == (
        "head\n<!-- a -->\n| x | y |\n| --- | --- |\n| 1 | 2 |\n<!-- /a -->\nmiddle\n<!-- b -->\nkept\n<!-- /b -->\n"
    )
    with pytest.raises(ValueError, match="has no marks"):
        put_between_marks(page, "c", "text")


def test_arithmetic_counts_attention_too() -> None:
    query = torch.zeros(1, 2, 10, 4)
    attention = flop_of(lambda: torch.nn.functional.scaled_dot_product_attention(query, query, query))
    assert attention == 2 * 2 * 2 * 10 * 10 * 4, "two products of 10 x 10 x 4 for each of two heads"
    weights = torch.zeros(3, 5)
    assert flop_of(lambda: weights @ torch.zeros(5, 7)) == 2 * 3 * 5 * 7


def test_predictions_are_divided_by_what_happened() -> None:
    assert compared({"seconds": 9.0, "memory_gb": 1.1}, {"made_s": 10.0, "peak_gb": 1.0}) == pytest.approx((0.9, 1.1))


class Countdown:
    """A denoiser whose estimate tells whether it was told the layout."""

    def prepare(self, context: Controls, new: Controls) -> float:
        return 3.0 if new.given() & LAYOUT else 1.0

    def denoise(self, noisy: torch.Tensor, sigma: torch.Tensor, num_context: int, prepared: float) -> torch.Tensor:
        return noisy + prepared


def test_guidance_goes_beyond_what_the_layout_changes() -> None:
    rasters = {kind.value: np.zeros((1, len(RASTER_CHANNELS[kind]), *LAYOUT_SIZE), np.uint8) for kind in LAYOUT}
    told = Controls(num_frames=1, **rasters)
    assert told.given() == LAYOUT
    noisy = torch.ones(1, 2)
    for scale, expected in ((0.0, 2.0), (1.0, 4.0), (2.5, 7.0)):
        guided = GuidedDenoiser(Countdown(), scale)  # type: ignore[arg-type]
        estimate = guided.denoise(noisy, torch.ones(1), 0, guided.prepare(told, told))
        assert torch.allclose(estimate, torch.full((1, 2), expected))


def test_drift_is_none_for_the_rendered_frames_and_shows_what_was_done_to_them() -> None:
    rng = np.random.default_rng(0)
    frames = np.clip(rng.normal(120.0, 30.0, (10, 64, 128, 3)), 0, 255).astype(np.uint8)
    case = Case(sample_scene(1, 12), {index: frames[index] for index in (6, 8, 9)})
    same = drift(frames, case, window=2)
    assert same["PSNR dB, last"] == float("inf")
    assert same["sharpness / rendered"] == pytest.approx(1.0)
    assert same["luma − rendered"] == pytest.approx(0.0)
    brighter = drift((frames // 2 + 100).astype(np.uint8), case, window=2)
    assert brighter["luma − rendered"] > 20.0 and brighter["sharpness / rendered"] < 0.7
    frozen = frames.copy()
    frozen[8:] = frames[7]
    assert drift(frozen, case, window=2)["motion / rendered"] == 0.0


def test_every_variant_changes_one_setting() -> None:
    settings = {"mode": "hierarchical", "perturbation": 100, "sampling": {"guidance": 0.1, "eta": 1.0}}
    found = variants(settings)
    assert list(found) == ["as trained", "frame-wise", "no perturbation", "no guidance"]
    for name, key in (("frame-wise", "mode"), ("no perturbation", "perturbation"), ("no guidance", "sampling")):
        assert {k for k in settings if found[name][k] != settings[k]} == {key}
    assert found["no guidance"]["sampling"] == {"guidance": 0.0, "eta": 1.0}
    planes = {"sampling": {"guidance": 0.0}}
    assert list(variants(planes)) == ["as trained", "guidance 0.1"], "what a PVDM has"


def test_a_program_that_fails_ends_the_benchmark_with_what_it_said(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ended_well([sys.executable, "-c", "import sys; print('error: no room', file=sys.stderr); sys.exit(3)"])
    said = capfd.readouterr().err
    assert ended.value.code == 3 and said.endswith("ended with 3:\nerror: no room\n") and "Traceback" not in said


def test_an_older_run_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "free-300s").mkdir()
    monkeypatch.setattr(sys, "argv", ["rollout.py", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        rollout.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith(f"error: {tmp_path / 'free-300s'} is there already.")
    assert said.count("\n") == 1


def test_the_published_lvdm_is_as_large_and_as_busy_as_the_authors() -> None:
    coder, denoiser, gflop = counted("lvdm")
    theirs = PUBLISHED["lvdm"]
    # Ours are told of the frames, and repeat and convolve where the authors' decoder has transposed convolutions.
    assert theirs.autoencoder is not None
    assert coder / theirs.autoencoder == pytest.approx(0.892, abs=0.001)
    assert denoiser / theirs.denoiser == pytest.approx(1.068, abs=0.001)
    assert gflop / theirs.gflop == pytest.approx(1.13, abs=0.01)


def test_a_video_takes_its_steps_at_the_rate_that_the_paper_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("published_sizes.counted", lambda name: (0, 0, 2.0 * PUBLISHED[name].gflop))
    short, long = (
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in videos_table({"pvdm": 10.4, "lvdm": 1.0}).splitlines()[2:]
    )
    assert short == ["PVDM-L", "16", "400", "40.9 s, 5.2 GB", "2.4", "82 s, 2.00 ×", "10.4 GB, 2.00 ×"]
    assert long[5] == "656 s, 2.00 ×", "twice the arithmetic takes twice the paper's 328 s"


def test_scores_of_sentences_that_were_read() -> None:
    """Of three words that are said one is right, one of the right kind; of 21 groups that nobody spoke of one was read."""
    said = [{"time": "night", "precipitation": "light rain"}, {"sky": "overcast"}, {}]
    read = [{"time": "night", "precipitation": "rain"}, {}, {"road": "rural"}]
    found = scores(said, read)
    assert (found.word_right, found.kind_right) == pytest.approx((1 / 3, 2 / 3))
    assert (found.read_where_unsaid, found.whole_right) == pytest.approx((1 / 21, 0.0))
    # Light rain for rain: 0.3 of rain, 0.15 of wetness; no clouds; a rural road in place of a motorway.
    assert found.attribute_error == pytest.approx((0.3 + 0.15 + 1.0 + 2.0) / (3 * 13))
    assert attributes({"side": "left-hand traffic", "time": "night"})[[0, -1]].tolist() == [1.0, 1.0]


def test_the_sentences_that_are_measured_on_say_known_words_of_different_groups() -> None:
    for text, words in (*WRITTEN, *FREE):
        assert len({GROUP_OF[word] for word in words}) == len(words), text
