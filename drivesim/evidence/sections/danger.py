"""The danger of each future, the worst first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivesim.evidence.danger import TTC_THRESHOLD_S, Danger
from drivesim.evidence.recorded import Recorded
from drivesim.evidence.sections.figures import Row, plain_cell, with_bar
from drivesim.evidence.track_error import ErrorBar, TrackError
from drivesim.metrics.estimate import share_of
from drivesim.report import Figure, Section, Table
from drivesim.report.verdict import decided

DANGER_COLUMNS = (
    "future",
    "TTC (s)",
    "of",
    "at (s)",
    "THW (s)",
    "PET (s)",
    "DRAC (m/s²)",
    "TET (s)",
    "TIT (s²)",
    "collision",
    "off road (s)",
)


def danger_section(
    recorded: Sequence[Recorded], found: Sequence[tuple[Danger, ErrorBar]], error: TrackError
) -> tuple[Section, list[int]]:
    """Every measure of danger of each future, and the futures' numbers with the least TTC first.

    Of each future was ``found`` what :func:`drivesim.evidence.traffic.danger_in` finds, by tracks with that ``error``.
    """
    free, seen = recorded[0].future.manifest.ego == "free", recorded[0].future.num_frames > 1
    dangers, bars = [danger for danger, _ in found], [bar for _, bar in found]
    order = [int(i) for i in np.argsort([np.nan_to_num(d.ttc_s, nan=np.inf) for d in dangers], kind="stable")]
    rows: list[Row] = []
    for index in order:
        danger = dangers[index]
        drac = "no braking helps" if np.isinf(danger.drac) else plain_cell(danger.drac)
        rows.append(
            (
                recorded[index].future.id, with_bar(danger.ttc_s, bars[index].low, bars[index].high), danger.ttc_actor, plain_cell(danger.ttc_at_s),
                plain_cell(danger.thw_s), plain_cell(danger.pet_s), drac, danger.tet_s, danger.tit_s2,
                danger.collision or "none", plain_cell(danger.off_road_s),
            )
        )  # fmt: skip
    whose = "The ego's own motion is measured too." if free else "The ego is where it was told to be."
    section = Section(
        title="Danger",
        about=(
            "Measured tracks: what the probe sees, joined over time and put on the ground by camera and distance. They carry the "
            f"probe's errors: {error.words()}, which is the bar behind each TTC. {whose} Worst futures first. TET and TIT below a TTC of "
            f"{TTC_THRESHOLD_S:g} s. 'none' never came near."
        ),
        figures=(
            _share("danger.low_ttc", f"futures with TTC below {TTC_THRESHOLD_S:g} s", [d.ttc_s < TTC_THRESHOLD_S for d in dangers], seen, _undecided(bars)),
            _share("danger.collisions", "futures with overlapping boxes", [bool(d.collision) for d in dangers], seen),
        ),
        tables=(Table(title="Futures", columns=DANGER_COLUMNS, rows=tuple(rows)),) if seen else (),
    )  # fmt: skip
    return section, order


def _undecided(bars: Sequence[ErrorBar]) -> str:
    """How many futures may lie on either side of the threshold, "" for none."""
    found = [decided(bar.value, bar.low, bar.high, "<", TTC_THRESHOLD_S) for bar in bars]
    count = found.count("undecided")
    return f"in {count} of them the tracks' error reaches to both sides of it" if count else ""


def _share(key: str, label: str, outcomes: list[bool], seen: bool, note: str = "") -> Figure:
    why = note if seen else "one frame shows no motion"
    return Figure(
        key=key, label=label, value=share_of(sum(outcomes), len(outcomes)) if seen else None, better="none", note=why
    )
