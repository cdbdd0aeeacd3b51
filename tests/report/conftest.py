"""A report with every kind of content, as an evaluation of a middling model would give it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.metrics.estimate import NOTHING, Estimate, exact, share_of
from drivesim.report import Band, Figure, Picture, Plot, Report, Section, Series, Table


def between(low: float, value: float, high: float, count: int = 48) -> Estimate:
    return Estimate(value=value, low=low, high=high, count=count, method="bootstrap")


def picture(seed: int, caption: str) -> Picture:
    """A road under a sky, as a JPEG."""
    rng = np.random.default_rng(seed)
    frame = np.zeros((128, 256, 3), np.uint8)
    frame[:60] = np.linspace((150, 110, 70), (225, 205, 180), 60)[:, None]
    frame[60:] = (70, 105, 85)
    cv2.fillPoly(frame, [np.array([[118, 60], [138, 60], [256, 128], [0, 128]])], (84, 84, 86))
    for y in range(66, 128, 14):
        cv2.line(frame, (128, y), (128, y + 6), (235, 235, 235), 1 + y // 40)
    x, colour = int(rng.integers(105, 140)), tuple(int(c) for c in rng.integers(30, 220, 3))
    cv2.rectangle(frame, (x, 58), (x + 22, 76), colour, -1)
    noisy = np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)
    return Picture(caption=caption, data=cv2.imencode(".jpg", noisy)[1].tobytes())


def obedience() -> Section:
    recall = Figure(
        key="obedience.recall",
        label="Recall of commanded boxes",
        value=share_of(612, 940),
        better="higher",
        references={
            "rendered": share_of(912, 940),
            "codec": share_of(861, 940),
            "frozen": share_of(231, 940),
            "shifted": share_of(348, 940),
        },
        judge="on held-out rendered frames the probe finds 93 % of boxes, with 95 % precision",
    )
    speed = Figure(
        key="obedience.speed_error",
        label="Error of the ego's speed",
        value=between(3.4, 4.12, 4.9),
        unit="m/s",
        better="lower",
        references={
            "rendered": between(0.52, 0.61, 0.7),
            "codec": between(0.8, 0.93, 1.1),
            "frozen": between(14.0, 16.2, 18.1),
        },
        judge="the probe errs by 0.6 m/s on rendered clips",
    )
    yaw = Figure(key="obedience.yaw_error", label="Error of the yaw rate", value=between(1.1, 1.52, 2.0), unit="°/s",
        better="lower", references={"codec": between(0.3, 0.42, 0.5), "frozen": between(1.0, 1.31, 1.7)},
        note="The clips hold few bends, so that standing still is a strong answer.")  # fmt: skip
    phantoms = Figure(key="obedience.phantoms", label="Phantom objects per frame", value=between(0.3, 0.41, 0.55),
        better="lower", unit="per frame")  # fmt: skip
    rows = (
        ("car", 512, share_of(380, 512), -0.31, None),
        ("truck", 204, share_of(150, 204), -0.44, "rare"),
        ("pedestrian", 96, share_of(22, 96), 1.25, None),
        ("trailer", 0, NOTHING, None, "none in these clips <b>& such</b>"),
    )
    columns = ("class", "commanded", "recall", "distance bias (m)", "remark")
    return Section(
        title="Obedience",
        about="Boxes that the scenario commands were looked for in the video by a network that was trained on rendered frames."
        "\n\nA box counts as found when an object of any class overlaps it by at least one half.",
        figures=(recall, speed, yaw, phantoms),
        tables=(Table(title="By class", columns=columns, rows=rows, note="Boxes of at least 24 pixels in height."),),
    )


def drift() -> Section:
    seconds = np.arange(0, 60, 2.0)
    sharp = 0.62 - 0.004 * seconds + 0.02 * np.sin(seconds / 3)
    held = 0.7 * np.exp(-seconds / 45)
    held[20:] = np.nan

    def line(name: str, y: np.ndarray, width: float = 0.0) -> Series:
        bounds = {"low": tuple(y - width), "high": tuple(y + width)} if width else {}
        return Series(name=name, x=tuple(seconds), y=tuple(y), **bounds)

    return Section(
        title="Drift",
        about="What minutes of rollout do to the picture. Every curve is one over the commanded first frame.",
        figures=(
            Figure(key="drift.usable_s", label="Usable until", value=exact(38.0), unit="s", better="higher"),
            Figure(key="drift.luma", label="Mean luma", value=between(121.0, 123.4, 126.1), unit="of 255", better="near",
                references={"rendered": between(118.2, 122.0, 125.9), "frozen": between(119.0, 122.5, 126.0)}),
            Figure(key="drift.frechet", label="Fréchet distance of domain features", value=between(61.0, 66.3, 74.0),
                better="lower", references={"rendered": between(0.41, 0.52, 0.7), "codec": between(4.0, 4.6, 5.2),
                "frozen": between(150.0, 171.0, 190.0), "shifted": between(88.0, 95.0, 104.0)}),
            Figure(key="drift.fvd", label="FVD", value=None, note="no I3D network was named; give one with --i3d FILE"),
        ),
        plots=(
            Plot(title="Sharpness over time", x_label="seconds", y_label="ratio to rendered video",
                series=(line("free futures", sharp, 0.03), line("scripted", sharp + 0.08, 0.02)),
                bands=(Band(name="rendered video", low=0.93, high=1.07),)),
            Plot(title="Recall over time", x_label="seconds", y_label="share of commanded boxes",
                series=(line("near (under 20 m)", held + 0.2, 0.04), line("middle", held), line("far <40 m & more", held / 3)),
                note="No box is commanded after 40 s."),
        ),
    )  # fmt: skip


def sample_report() -> Report:
    futures = Section(
        title="Futures",
        about="Eight futures of one first picture.",
        figures=(
            Figure(key="futures.diversity", label="Diversity against the simulator's", value=between(0.4, 0.52, 0.66, 8),
                better="near", references={"rendered": between(0.88, 1.0, 1.12, 8), "frozen": exact(0.0)}),
            Figure(key="futures.flicker", label="Flicker", value=between(2.1, 2.4, 2.8), unit="grey levels", better="lower",
                references={"rendered": between(2.0, 2.3, 2.6), "frozen": exact(0.0)}),
            Figure(key="futures.collisions", label="Futures with a collision", value=NOTHING, better="none"),
        ),
        pictures=tuple(picture(seed, f"Future {seed}, at 4 s") for seed in range(4)),
    )  # fmt: skip
    return Report(
        title="Evaluation of video-ldm-default",
        subject="model default (sha256 3f9a1c…), 48 clips of 60 s, free and scripted",
        sections=(obedience(), drift(), futures),
        settings={
            "model": "default",
            "weights sha256": "3f9a1c0be6b74a1f6f0f9be0d7a2d0c4b3f9a1c0be6b74a1f6f0f9be0d7a2d0c",
            "clips": "48",
            "seeds": "0 to 47",
        },
        commands={
            "The whole report": "drivesim evaluate default --clips 48 --seconds 60 --seed 0 --out reports/default",
            "One rollout": "drivesim rollout highway-cut-in --seed 7 --seconds 60 --out runs/seven",
        },
        highlights=("obedience.recall", "obedience.speed_error", "obedience.yaw_error", "drift.frechet"),
        warnings=("The probe is below its bar for pedestrians: their recall says little.",),
    )


@pytest.fixture(scope="session")
def report() -> Report:
    return sample_report()
