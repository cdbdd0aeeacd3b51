"""The curves of a finished chain as one picture."""

from __future__ import annotations

from pathlib import Path

from drivesim.training.callbacks import read_curve

#: Width and height of a stage's panel, and what of its width is left for the labels on either side.
PANEL_INCHES = (4.6, 3.4)
LEFT_INCHES, RIGHT_INCHES = 0.7, 0.7


def draw_curves(work: Path, stages: list[str], picture: Path) -> bool:
    """Draw loss and validation figures of each stage against its steps; False when no stage has a curve yet."""
    from matplotlib.figure import Figure

    curves = {stage: work / stage / "metrics.csv" for stage in stages}
    found = {stage: read_curve(path) for stage, path in curves.items() if path.exists()}
    if not found:
        return False
    # Margins of fixed size, which the labels fit into: having them measured takes as long as drawing does.
    wide, high = PANEL_INCHES[0] * len(found), PANEL_INCHES[1]
    figure = Figure(figsize=(wide, high))
    figure.subplots_adjust(
        left=LEFT_INCHES / wide,
        right=1.0 - RIGHT_INCHES / wide,
        bottom=0.5 / high,
        top=1.0 - 0.3 / high,
        wspace=(LEFT_INCHES + RIGHT_INCHES) / (PANEL_INCHES[0] - LEFT_INCHES - RIGHT_INCHES),
    )
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for panel, (stage, rows) in zip(axes, found.items(), strict=True):
        for name, colour, width in (("loss", "#9bb7d4", 0.8), ("validation_loss", "#c0392b", 1.8)):
            points = [(step, value) for step, row, value in rows if row == name]
            if points:
                panel.plot(*zip(*points, strict=True), color=colour, linewidth=width, label=name.replace("_", " "))
        decibels = [(step, value) for step, row, value in rows if row == "validation_psnr_db"]
        if decibels:
            right = panel.twinx()
            right.plot(*zip(*decibels, strict=True), color="#27ae60", linewidth=1.6)
            right.set_ylabel("validation PSNR, dB", color="#27ae60")
        panel.set_title(stage)
        panel.set_xlabel("step")
        panel.set_yscale("log")
        if panel.get_legend_handles_labels()[0]:  # a stage of few steps may have logged neither
            panel.legend(fontsize=8)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    return True
