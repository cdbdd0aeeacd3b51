"""Measure what held-out rendered video spans, and write it where reports look it up.

    python benchmarks/rendered_ranges.py

To be run again after every change of what the renderer draws; a test says when.
"""

from __future__ import annotations

import json
from pathlib import Path

import drivesim.evidence
from drivesim.evidence.rendered_ranges import FILE, measured


def main() -> None:
    """Write the file."""
    path = Path(drivesim.evidence.__file__).with_name(FILE)
    path.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
