"""``drivesim doctor``: what this machine can do, what is missing, and how to mend it."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.terminal import say

PACKAGES = {
    "torch": "torch",
    "diffusers": "diffusers",
    "safetensors": "safetensors",
    "numpy": "numpy",
    "opencv-python-headless": "cv2",
    "shapely": "shapely",
    "av": "av",
    "pydantic": "pydantic",
    "ruamel.yaml": "ruamel.yaml",
    "einops": "einops",
    "zarr": "zarr",
}
OPTIONAL_PACKAGES = {"pytorch-lightning": ("pytorch_lightning", "train"), "nuscenes-devkit": ("nuscenes", "nuscenes")}
MINIMUM_FREE_GB = 2.0


@dataclass(frozen=True)
class Diagnosis:
    """One line of the report: ``ok``, ``warn`` (works, but not at its best) or ``fail``, with the fix if there is one."""

    level: str
    subject: str
    text: str
    fix: str = ""


def doctor(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A run folder: instead of the machine, every file of the run is checked."),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help="The model to check: a packaged name ('drivesim models') or a folder.")
    ] = "default",
    out: Annotated[
        Path, typer.Option("--out", help="The folder where runs will be written: its free space is checked.")
    ] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON, for programs.")] = False,
) -> None:
    """Check that this machine can run drivesim, or that a run is what it was when it was made.

    Each line is ok, warn (works, but slower or with less) or FAIL (needed and broken), with a fix. Exit code 4 if
    anything failed on this machine.

    With RUN every file of the run folder is held against the hash that the run kept of it: manifest, scenario, videos, states,
    tracks. Nothing is changed. Exit code 2 if a file is missing, damaged, edited or replaced.

    \b
    Examples:
      drivesim doctor
      drivesim doctor --model my-model/ --out /data/runs
      drivesim doctor runs/highway-cut-in-7
    """
    if run is not None:
        from drivesim.cli.doctor_run import examine_run

        examine_run(run, as_json)
        return
    checks: list[Callable[[], Iterator[Diagnosis]]] = [
        _machine,
        _packages,
        _accelerator,
        _threads,
        _video_encoder,
        lambda: _free_disk(out),
        lambda: _weights(model),
    ]
    findings: list[Diagnosis] = []
    for check in checks:
        for finding in _guarded(check):
            findings.append(finding)
            if not as_json:
                _print(finding)
    failed = sum(finding.level == "fail" for finding in findings)
    if as_json:
        say(json.dumps({"good": not failed, "findings": [vars(finding) for finding in findings]}, indent=2))
    elif failed:
        say(f"\n{failed} of these must be mended before drivesim can make video.")
    else:
        say("\nReady. Try: drivesim rollout highway-cut-in --seconds 10")
    if failed:
        raise typer.Exit(4)


def _print(finding: Diagnosis) -> None:
    label = "FAIL" if finding.level == "fail" else finding.level
    say(f"{label:<5} {finding.subject:<24} {finding.text}")
    if finding.fix:
        say(f"{'':<5} {'':<24} -> {finding.fix}")


def _guarded(check: Callable[[], Iterator[Diagnosis]]) -> Iterator[Diagnosis]:
    """The findings of a check; a package that cannot be imported was already reported by name, so it only ends the check."""
    try:
        yield from check()
    except ImportError:
        return


def _machine() -> Iterator[Diagnosis]:
    from drivesim.options import usable_cores

    cores = usable_cores()
    yield Diagnosis("ok", "Python", platform.python_version())
    yield Diagnosis("ok", "platform", f"{platform.system()} {platform.machine()}, {cores} cores")


def _packages() -> Iterator[Diagnosis]:
    for distribution, module in PACKAGES.items():
        try:
            importlib.import_module(module)
            yield Diagnosis("ok", distribution, metadata.version(distribution))
        except (ImportError, OSError, metadata.PackageNotFoundError) as error:
            fix = "pip install -c constraints.txt -e . in the drivesim folder"
            yield Diagnosis("fail", distribution, f"cannot be imported: {error}", fix)
    for distribution, (_, extra) in OPTIONAL_PACKAGES.items():
        try:
            yield Diagnosis("ok", distribution, metadata.version(distribution))
        except metadata.PackageNotFoundError:
            yield Diagnosis("ok", distribution, f"not installed; only needed for the extra '{extra}'")


def _accelerator() -> Iterator[Diagnosis]:
    from drivesim.models.load import choose_device, choose_dtype, native_bfloat16

    device = choose_device(None)
    dtype = str(choose_dtype(device, None)).removeprefix("torch.")
    yield Diagnosis("ok", "device", f"{device.type}, {dtype}")
    if device.type == "cpu" and not native_bfloat16():
        text = "the processor has no bfloat16 arithmetic (AVX512-BF16 or AMX): float32 is used"
        yield Diagnosis("warn", "bfloat16", text, "nothing to mend; expect about half the frames per second")
    elif device.type == "cpu":
        yield Diagnosis("ok", "bfloat16", "native on this processor")


def _threads() -> Iterator[Diagnosis]:
    spin = os.environ.get("GOMP_SPINCOUNT")
    if spin == "0":
        yield Diagnosis("ok", "OpenMP", "waiting threads sleep (GOMP_SPINCOUNT=0)")
    else:
        text = f"GOMP_SPINCOUNT={spin}: waiting threads keep cores busy"
        yield Diagnosis("warn", "OpenMP", text, "unset GOMP_SPINCOUNT; drivesim then sets it to 0")


def _video_encoder() -> Iterator[Diagnosis]:
    import av

    if "libx264" in av.codecs_available:
        yield Diagnosis("ok", "H.264 encoder", "libx264")
    else:
        fix = "pip install --force-reinstall -c constraints.txt av: its wheels bring the encoder"
        yield Diagnosis("fail", "H.264 encoder", "this build of PyAV has no libx264", fix)


def _free_disk(folder: Path) -> Iterator[Diagnosis]:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        yield Diagnosis("fail", "disk", f"{there} is not writable", "name another folder with --out")
        return
    free_gb = shutil.disk_usage(there).free / 1e9
    level, fix = (
        ("ok", "") if free_gb >= MINIMUM_FREE_GB else ("warn", "free some space or name another disk with --out")
    )
    yield Diagnosis(level, "disk", f"{free_gb:.0f} GB free at {there}", fix)


def _weights(model: str) -> Iterator[Diagnosis]:
    from drivesim.errors import ModelError
    from drivesim.models.load import check_folder, model_folder

    try:
        folder = model_folder(model)
        sha256 = check_folder(folder)
    except ModelError as error:
        fix = "install the package again, or make a model with 'drivesim train'"
        yield Diagnosis("fail", f"model {model}", str(error), fix)
        return
    megabytes = sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / 1e6
    yield Diagnosis(
        "ok",
        f"model {model}",
        f"{megabytes:.1f} MB, every file matches its hash and this version, sha256 {sha256[:12]}",
    )
