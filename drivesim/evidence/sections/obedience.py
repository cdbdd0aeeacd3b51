"""The parts of a report about obedience, and about the probe that judges it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from drivesim.evidence.clips import KINDS, Clips
from drivesim.evidence.probe_bar import probe_warnings
from drivesim.evidence.sections.figures import compared, shown, strip
from drivesim.metrics import tally
from drivesim.metrics.estimate import Estimate, mean_of
from drivesim.metrics.obedience import FIGURES, Obedience, ObedienceSummary, obedience_of, pool, shuffled
from drivesim.report import Figure, Picture, Section, Table
from drivesim.scene import CATEGORIES

#: Figures of the obedience of a model's video; the rest stands in the tables.
LEADING = (
    "recall_24px",
    "recall",
    "recall_any_class",
    "precision",
    "phantoms_per_frame",
    "class_accuracy",
    "centre_error_relative",
    "size_error",
    "distance_error",
    "road_iou",
    "lane_paint_near",
    "lane_paint_iou",
    "speed_error_mps",
    "yaw_rate_error_dps",
    "attribute_error",
)


#: Figures of a single picture.
OF_START = ("recall_24px", "precision", "class_accuracy", "road_iou", "lane_paint_near", "attribute_error")

COLOUR_LABEL = "colour inside boxes of 24 px and taller, difference to the renderer's"


def summaries_of(clips: Clips, rng: np.random.Generator) -> dict[str, ObedienceSummary]:
    """The pooled obedience of every kind of video: what the model's and the probe's own section both show."""
    return {kind: pool(_obediences(clips, kind), rng) for kind in clips.videos}


def probe_section(summaries: Mapping[str, ObedienceSummary]) -> tuple[Section, tuple[str, ...]]:
    """What the judge itself misses on video that shows exactly what was commanded, and what to read with care therefore."""
    rendered, codec = summaries["rendered"], summaries["codec"]
    figures = [
        bounded_figure(f"probe.{name}", name, "rendered", {"rendered": rendered, "codec": codec}) for name in LEADING
    ]
    groups = [name for name in rendered.groups if name.startswith("recall/")]
    rows = [
        (name.removeprefix("recall/"), rendered.groups[name], codec.groups.get(name),
         rendered.groups.get(name.replace("recall/", "precision/")))
        for name in groups
    ]  # fmt: skip
    section = Section(
        title="The judge",
        about=(
            "The probe reads objects, road, ego motion and weather from frames. Here it reads the renderer's own video of "
            "held-out scenes, and the same video through the model's codec, where every answer is known. What it misses here "
            "it misses everywhere: no figure of a model can be better than this, and differences smaller than this mean little."
        ),
        figures=tuple(figures),
        tables=(
            Table(
                title="The probe by class, distance and height",
                columns=("group", "recall, rendered", "recall, after the codec", "precision, rendered"),
                rows=tuple(rows),
                note="Recall at an IoU of 0.5 with the right class. Heights in pixels of a picture 512 high.",
            ),
            _confusion(rendered, "What the probe takes commanded objects for, on rendered video"),
        ),
    )
    return section, probe_warnings(rendered.figures, codec.figures)


def obedience_section(clips: Clips, summaries: Mapping[str, ObedienceSummary], rng: np.random.Generator) -> Section:
    """Whether the model's video shows what it was told."""
    chance = _chance(clips, "scripted", rng)
    figures = [
        bounded_figure(
            key_of(name), name, "scripted", summaries,
            judge=f"the probe on rendered video: {shown(summaries['rendered'].figures[name])}",
            note=f"by chance: {shown(chance.figures[name])}" if chance.figures[name].count else "",
        )
        for name in LEADING
    ]  # fmt: skip
    colour = _colour_errors(clips, rng)
    figures.append(compared("obedience.colour_error", COLOUR_LABEL, "scripted", colour, unit="levels", better="lower"))
    return Section(
        title="Obedience",
        about=(
            f"{len(clips.seeds)} held-out scenes of {clips.num_frames} frames. The model made its own first frame and was then told "
            "where everything goes. The probe looks for every commanded box. By chance means: the same video against the boxes of "
            "another scene. Intervals are 95 %, over scenes."
        ),
        figures=tuple(figures),
        tables=(
            Table(
                title="Every kind of video",
                columns=("figure", *KINDS, "chance"),
                rows=tuple(
                    (
                        FIGURES[name].label + (f" ({FIGURES[name].unit})" if FIGURES[name].unit else ""),
                        *(summaries[kind].figures[name] for kind in KINDS),
                        chance.figures[name],
                    )
                    for name in LEADING
                ),
                note="; ".join(f"{kind}: {text}" for kind, text in KINDS.items()),
            ),
            by_group(summaries["scripted"], summaries["rendered"]),
            _confusion(summaries["scripted"], "What the probe finds where the model was told to show an object"),
        ),
        pictures=tuple(
            scene_picture(clips, index, ("rendered", "scripted", "free")) for index in range(min(4, len(clips.seeds)))
        ),
    )


def start_section(clips: Clips, rng: np.random.Generator) -> Section:
    """The model's own first frame: what the image LDM makes of a layout before any frame was carried on."""
    summaries = {
        kind: pool([each.start() for each in _obediences(clips, kind)], rng)
        for kind in ("rendered", "codec", "scripted")
    }
    figures = [
        bounded_figure(f"start.{'recall' if name == 'recall_24px' else name}", name, "scripted", summaries)
        for name in OF_START
    ]
    colour = {kind: value for kind, value in _colour_errors(clips, rng, slice(0, 1)).items() if kind in summaries}
    figures.append(compared("start.colour_error", COLOUR_LABEL, "scripted", colour, unit="levels", better="lower"))
    sharpness = {
        kind: mean_of([float(video.drift.curves["sharpness"][0]) for video in clips.videos[kind]], rng)
        for kind in summaries
    }
    figures.append(compared("start.sharpness", "sharpness", "scripted", sharpness, unit="levels", better="near"))
    return Section(
        title="Start frame",
        about=f"Frame 0 of the same {len(clips.seeds)} scenes: the picture that the image LDM synthesises from the layout alone.",
        figures=tuple(figures),
    )


def bounded_figure(
    key: str, name: str, subject: str, summaries: Mapping[str, ObedienceSummary], judge: str = "", note: str = ""
) -> Figure:
    """The figure ``name`` of FIGURES of one kind of video, between those of the others."""
    estimates = {kind: summary.figures[name] for kind, summary in summaries.items()}
    about = FIGURES[name]
    return compared(key, about.label, subject, estimates, unit=about.unit, better=about.better, judge=judge, note=note)


def _colour_errors(clips: Clips, rng: np.random.Generator, frames: slice = slice(None)) -> dict[str, Estimate]:
    """Mean colour error inside boxes by kind of video, with intervals over scenes."""
    sums = {kind: np.stack([each[frames].sum(axis=0) for each in videos]) for kind, videos in clips.colour.items()}
    return tally.ratios(sums, rng)


def key_of(name: str) -> str:
    """The report's key of a figure: its recall is that of boxes tall enough to be seen, as thresholds mean it."""
    return "obedience." + {"recall_24px": "recall", "recall": "recall_all_sizes"}.get(name, name)


def by_group(subject: ObedienceSummary, rendered: ObedienceSummary) -> Table:
    """Recall by class, distance and height beside the probe's own."""
    names = [name for name in rendered.groups if name.startswith("recall/")]
    return Table(
        title="Commanded boxes found, by class, distance and height",
        columns=("group", "model", "rendered (the probe's own)"),
        rows=tuple(
            (name.removeprefix("recall/"), subject.groups.get(name), rendered.groups.get(name)) for name in names
        ),
    )


def _obediences(clips: Clips, kind: str) -> list[Obedience]:
    found = [video.obedience for video in clips.videos[kind]]
    return [obedience for obedience in found if obedience is not None]


def _chance(clips: Clips, kind: str, rng: np.random.Generator) -> ObedienceSummary:
    wrong = shuffled(clips.labels, rng)
    pairs = zip(wrong, clips.videos[kind], strict=True)
    return pool([obedience_of(labels, video.readings) for labels, video in pairs], rng)


def _confusion(summary: ObedienceSummary, title: str) -> Table:
    names = (*CATEGORIES, "nothing")
    present = [row for row in range(len(CATEGORIES)) if summary.confusion[row].sum()]
    rows: list[tuple[str | float | Estimate | None, ...]] = []
    for row in present:
        shares = summary.confusion[row] / summary.confusion[row].sum()
        best = [f"{names[column]} {shares[column]:.0%}" for column in np.argsort(-shares)[:4] if shares[column] > 0.005]
        rows.append((CATEGORIES[row], float(summary.confusion[row].sum()), ", ".join(best)))
    return Table(title=title, columns=("commanded", "boxes", "found as"), rows=tuple(rows))


def scene_picture(clips: Clips, index: int, kinds: Sequence[str]) -> Picture:
    """Moments of a scene's videos of these ``kinds``, one below the other."""
    return strip(
        [(kind, list(clips.videos[kind][index].shown)) for kind in kinds],
        f"Scene {clips.seeds[index]}, from the first frame to the last: "
        + "; ".join(f"{kind}: {KINDS[kind]}" for kind in kinds),
    )
