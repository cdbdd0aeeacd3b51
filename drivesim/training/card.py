"""The model card of a finished chain: what was trained, on what, how long, and what is not known."""

from __future__ import annotations

from pathlib import Path

from drivesim.datasets.store import inspect
from drivesim.training.callbacks import read_curve
from drivesim.training.done import read_done
from drivesim.training.recipe import Recipe


def write_card(recipe: Recipe, work: Path, folder: Path, initial: str | None, *, has_curves: bool) -> None:
    """Write ``folder``/README.md from the records of the stages in ``work``."""
    rows, sources = [], {}
    for stage in recipe.stages:
        done = read_done(work / stage / "done.json")
        if done is None:
            continue
        path = done.data_path
        sources[path] = describe_store(path)
        last = {name: value for _, name, value in read_curve(work / stage / "metrics.csv")}
        figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in last.items() if name in SHOWN)
        rows.append(f"| {stage} | {done.updates} | {done.draws} | `{path}` | {figures} |")
    start = f"weights of `{initial}`" if initial else "random weights"
    text = [
        f"# Model card: {recipe.name}",
        "",
        f"{recipe.about} Trained by `drivesim train` with the recipe `{recipe.path.name}`, from {start}.",
        "",
        "| stage | steps | samples drawn | data | last figures |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "## Data",
        "",
        *[f"- `{path}`: {text}" for path, text in sources.items()],
        "",
        *(["![Training curves](curves.png)", ""] if has_curves else []),
        "## Limits",
        "",
        "- Validation figures are from held-out samples of the same store; they say nothing about other roads and cameras.",
        "- The licence of the data above applies to what may be done with these weights.",
        "- Nothing that the model shows is a measurement of real traffic.",
        "",
    ]
    (folder / "README.md").write_text("\n".join(text), encoding="utf-8")


SHOWN = ("loss", "validation_loss", "validation_psnr_db")


def describe_store(path: str) -> str:
    """One line on what a store holds."""
    info = inspect(path)
    layout = info.layout
    described = ", ".join(
        f"{name} {value}" for name, value in layout.dataset.items() if isinstance(value, (str, int, float))
    )
    return f"{info.num_valid} clips of {layout.frames} frames {layout.height}x{layout.width} ({described})"
