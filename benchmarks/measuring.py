"""What the benchmarks share: a measurement in a process of its own, arithmetic counted, tables in Markdown."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from drivesim.runs.cost import peak_resident_bytes

BENCHMARKS = Path(__file__).parent


def ended_well(command: Sequence[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A program run to its end. One that fails ends this one too, with its exit code and what it said last."""
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-20:])
        print(f"{' '.join(command)}\nended with {done.returncode}:\n{said}", file=sys.stderr)
        sys.exit(done.returncode)
    return done


def separately(program: str, *arguments: object, threads: int | None = None) -> dict[str, Any]:
    """What ``benchmarks/<program>`` reports (see :func:`report`) when run alone; ``wall_s`` is that of its process.

    ``threads`` is the number of OpenMP threads, otherwise what the surroundings say.
    """
    count = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    environment = os.environ | count | {"GOMP_SPINCOUNT": "0"}
    started = time.monotonic()
    done = ended_well([sys.executable, str(BENCHMARKS / program), *map(str, arguments)], environment)
    return {**json.loads(done.stdout.splitlines()[-1]), "wall_s": time.monotonic() - started}


def report(figures: dict[str, Any]) -> None:
    """The last thing that a measured process does: its figures and its peak memory as one line of JSON."""
    print(json.dumps({**figures, "peak_gb": peak_resident_bytes() / 1e9}))


def seconds_of(work: Callable[[], object], repeats: int, warm_ups: int = 1) -> float:
    """The median wall time of ``work`` after ``warm_ups`` runs that do not count."""
    for _ in range(warm_ups):
        work()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return sorted(taken)[len(taken) // 2]


def flop_of(work: Callable[[], object]) -> float:
    """Floating-point operations of ``work``, a multiply-add counted as two; attention is run as plain products."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        work()
    return float(counter.get_total_flops())


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines)


def put_between_marks(path: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->`` in a page. Raises ValueError without marks."""
    page = path.read_text(encoding="utf-8")
    first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
    if first not in page or last not in page:
        raise ValueError(f"{path} has no marks {first} and {last}")
    head, rest = page.split(first, 1)
    tail = rest.split(last, 1)[1]
    path.write_text(f"{head}{first}\n{text.strip()}\n{last}{tail}", encoding="utf-8")


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, without an exponent."""
    if value == 0.0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, decimals):,.{max(0, decimals)}f}".replace(",", " ")


def machine() -> str:
    """Processor, usable cores and torch, in one line."""
    name = next(
        (line.split(":")[1].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")), "CPU"
    )
    return f"{name}, {len(os.sched_getaffinity(0))} cores used, torch {torch.__version__}"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
