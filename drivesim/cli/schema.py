"""``drivesim schema``: the JSON Schema of scenario files, for completion in an editor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.terminal import say


def schema(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead of the terminal.")] = None,
) -> None:
    """Print the JSON Schema of scenario files.

    An editor with YAML support then completes keys and marks mistakes, once the file begins with the second line:

    \b
    Example:
      drivesim schema --out schema.json
      # yaml-language-server: $schema=schema.json
    """
    from drivesim.scenarios.json_schema import scenario_schema

    text = json.dumps(scenario_schema(), indent=2)
    if out is None:
        say(text)
        return
    from drivesim.storage import require_file, write_atomic

    require_file(out)
    write_atomic(out, text + "\n")
    say(f"wrote {out}")
