"""What a reader must know before any figure: where the probe itself falls short of what it is held to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivesim.evidence.sections.figures import shown
from drivesim.metrics.estimate import Estimate
from drivesim.report import Report, Section

#: Least recall of boxes 24 px and taller, and least precision, on rendered video.
LEAST_RECALL = LEAST_PRECISION = 0.9

#: Greatest mean error of the ego's speed (m/s) and yaw rate (degrees a second) on rendered video.
MOST_SPEED_ERROR_MPS = MOST_YAW_RATE_ERROR_DPS = 1.0

#: By how much recall and precision may fall through the model's codec.
MOST_LOST_IN_CODEC = 0.08

#: The figures that a page shows first, where it has them.
HIGHLIGHTS = (
    "obedience.recall",
    "obedience.precision",
    "obedience.lane_paint_near",
    "obedience.speed_error_mps",
    "likeness.scripted.mmd",
    "steadiness.flicker",
    "futures.simulated.calibration",
    "free.kept",
    "drift.scripted.usable_s",
    "drift.free.usable_s",
    "drift.f00.usable_s",
    "danger.low_ttc",
)

_TRACKS = "what comes from measured tracks (danger, labels, minADE)"


def probe_warnings(rendered: Mapping[str, Estimate], codec: Mapping[str, Estimate] | None = None) -> tuple[str, ...]:
    """Where the probe misses its bar on rendered video, or loses too much through the codec, and what that touches.

    Figures by the keys of :data:`drivesim.metrics.obedience.FIGURES`; what was not measured is passed over.
    """
    warnings = []
    for name, least, words, touched in (
        ("recall_24px", LEAST_RECALL, "finds {} of the objects 24 px and taller", f"all recalls and {_TRACKS}"),
        ("precision", LEAST_PRECISION, "is right about {} of what it finds", f"precision, phantoms and {_TRACKS}"),
    ):
        found = rendered[name]
        if found.count and found.value < least:
            said = words.format(shown(found))
            warnings.append(f"The probe {said} on rendered video, below {least:g}: read {touched} with care.")
    for name, most, unit, touched in (
        ("speed_error_mps", MOST_SPEED_ERROR_MPS, "m/s in speed", "errors of the ego's speed, and minADE of the ego,"),
        ("yaw_rate_error_dps", MOST_YAW_RATE_ERROR_DPS, "degrees a second in yaw rate", "errors of the ego's yaw rate"),
    ):
        found = rendered[name]
        if found.count and found.value > most:
            warnings.append(
                f"The probe errs by {shown(found)} {unit} on rendered video, above {most:g}: read {touched} with care."
            )
    for name, words in (("recall_24px", "recall"), ("precision", "precision")):
        if codec is not None and rendered[name].value - codec[name].value > MOST_LOST_IN_CODEC:
            warnings.append(
                f"The probe's {words} falls from {shown(rendered[name])} to {shown(codec[name])} through the model's codec, by more "
                f"than {MOST_LOST_IN_CODEC:g}: part of what the model seems to miss, the codec or the probe loses."
            )
    return tuple(warnings)


def highlights_of(sections: Iterable[Section]) -> tuple[str, ...]:
    """The keys of HIGHLIGHTS that have a value in these sections."""
    figures = Report(title="", subject="", sections=tuple(sections)).figures()
    return tuple(key for key in HIGHLIGHTS if key in figures and figures[key].value is not None)
