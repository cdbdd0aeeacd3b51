"""What hierarchy, conditional latent perturbation and guidance do over length: one LVDM rolled out with each on and off.

python benchmarks/settings_over_length.py checkpoints/lvdm-small/model --seconds 300 --out reports/lvdm-length --picture curves.png

Every variant continues one start frame of one scenario with the same noise. Its curves (drivesim.metrics.drift) are held
against the ranges of held-out rendered video; the table says until when each is usable and how fast it was made. A PVDM has
neither hierarchy nor perturbation, so only its guidance is varied.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from drift import draw
from measuring import table

from drivesim.evidence.rendered_ranges import shipped_ranges
from drivesim.metrics.drift import Drift, allowed_ranges, drift_of, usable_until
from drivesim.models import load_model
from drivesim.models.differences import read_object
from drivesim.models.hashes import write_hashes
from drivesim.models.load import model_folder
from drivesim.options import Options
from drivesim.scenarios import load
from drivesim.scenarios.library import find
from drivesim.simulate import rollout

#: Guidance that is switched on for a model that has none of its own; that of the authors' scripts.
GUIDANCE = 0.1


def variants(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name to model.json of each variant: as it is, then with one thing changed."""
    sampling = settings["sampling"]
    found = {"as trained": settings}
    if "mode" in settings:
        other = "frame-wise" if settings["mode"] == "hierarchical" else "hierarchical"
        found[other] = {**settings, "mode": other}
    if settings.get("perturbation"):
        found["no perturbation"] = {**settings, "perturbation": 0}
    changed = 0.0 if sampling["guidance"] else GUIDANCE
    name = f"guidance {changed:g}" if changed else "no guidance"
    return found | {name: {**settings, "sampling": {**sampling, "guidance": changed}}}


def with_settings(model: Path, settings: dict[str, Any], out: Path) -> Path:
    """A copy of a model folder with another model.json."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(model, out, ignore=shutil.ignore_patterns("hashes.json"))
    (out / "model.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    write_hashes(out)
    return out


def rolled_out(model: Path, scenario: str, seconds: float, seed: int, out: Path) -> tuple[Drift, float]:
    """The curves of one rollout, and seconds that a second of video took; a finished run is not timed again (NaN)."""
    loaded = load_model(model)
    finished, started = out.exists(), time.perf_counter()
    future = rollout(
        loaded,
        load(find(scenario))[0],
        seconds=seconds,
        seed=seed,
        out=out,
        resume=True,
        options=Options(actors="scripted"),
    )
    taken = float("nan") if finished else (time.perf_counter() - started) / seconds
    return drift_of(future.iterate(), loaded.world_model.spec.fps), taken


def row(name: str, drift: Drift, taken: float) -> tuple[str, ...]:
    """A line of the table: until when a video is usable, what broke, how its looks changed, and its cost."""
    usable = usable_until(drift, allowed_ranges(drift, shipped_ranges()))
    change = drift.change()
    looks = (f"{change[curve]:+.1f}" for curve in ("luma", "sharpness", "motion", "colour_shift"))
    return (
        name,
        f"{usable.until_s:.1f} of {usable.length_s:.1f}",
        usable.broken_by or "nothing",
        *looks,
        f"{taken:.2f}",
    )


def main() -> None:
    """Roll out every variant, print the table, keep the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of an LVDM or PVDM")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--scenario", default="highway-cut-in")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of variants, runs and curves.json")
    parser.add_argument("--picture", type=Path)
    parser.add_argument(
        "--only", nargs="+", metavar="VARIANT", help="these variants alone, by their names in the table"
    )
    arguments = parser.parse_args()
    folder = model_folder(arguments.model)
    settings = read_object(folder / "model.json")
    if "sampling" not in settings:
        parser.error(f"{folder}: a {settings.get('family')} has none of these settings; give an LVDM or a PVDM")
    asked = variants(settings)
    if unknown := set(arguments.only or ()) - set(asked):
        parser.error(f"--only {' '.join(sorted(unknown))}: expected some of {', '.join(map(repr, asked))}")
    drifts, rows = {}, []
    for name, changed in asked.items():
        if name not in (arguments.only or asked):
            continue
        word = name.replace(" ", "-")
        model = with_settings(folder, changed, arguments.out / "models" / word)
        drifts[name], taken = rolled_out(
            model, arguments.scenario, arguments.seconds, arguments.seed, arguments.out / "runs" / word
        )
        rows.append(row(name, drifts[name], taken))
        print(" ".join(rows[-1]), flush=True)
    header = (
        "variant",
        "usable s",
        "broken by",
        "luma",
        "sharpness",
        "motion",
        "colour shift",
        "s per second of video",
    )
    print("\n" + table(header, rows))
    curves = {
        name: {curve: np.round(drift.smoothed(curve), 3).tolist() for curve in drift.curves}
        for name, drift in drifts.items()
    }
    (arguments.out / "curves.json").write_text(json.dumps(curves).replace("NaN", "null"), encoding="utf-8")
    if arguments.picture:
        draw(arguments.picture, drifts, shipped_ranges())


if __name__ == "__main__":
    main()
