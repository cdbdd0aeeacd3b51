"""``drivesim models``: the world models at hand, what they make and what they obey."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from drivesim.cli.terminal import say


def models(
    model: Annotated[
        list[str] | None,
        typer.Argument(help="Model folders or hub ids (owner/name) to describe; without any, the packaged models."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per model, for programs.")] = False,
) -> None:
    """List the world models at hand: frame size, rate, the controls they obey, size on disk, hash, model card.

    A model is a folder of safetensors, configuration and hashes; every file is checked against its hash. A hub id is
    fetched into the cache first.

    \b
    Examples:
      drivesim models
      drivesim models my-model/ --json
    """
    from drivesim.models.load import packaged_models

    names = model or packaged_models()
    if not names:
        say("No packaged model. 'drivesim train --help' says how to make one.")
    for name in names:
        row = describe(name)
        say(json.dumps(row) if as_json else _text(row))


def describe(name: str) -> dict[str, Any]:
    """What ``drivesim models`` says about one model. Raises ModelError if it is missing, damaged or foreign."""
    from drivesim.models.load import load_model, model_folder

    folder = model_folder(name)
    spec = load_model(name, device="cpu").world_model.spec
    card = folder / "README.md"
    return {
        "model": name,
        "name": spec.name,
        "width": spec.width,
        "height": spec.height,
        "fps": spec.fps,
        "context_frames": spec.context_frames,
        "chunk_frames": spec.chunk_frames,
        "controls": sorted(control.value for control in spec.controls),
        "megabytes": round(sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / 1e6, 1),
        "sha256": spec.weights_sha256,
        "card": str(card) if card.is_file() else None,
    }


def _text(row: dict[str, Any]) -> str:
    lines = [
        f"{row['model']}  ({row['name']})",
        f"  makes     {row['width']}x{row['height']} at {row['fps']:g} fps, {row['chunk_frames']} frames at a time",
        f"  reads     {row['context_frames']} frames of the past",
        f"  obeys     {', '.join(row['controls']) or 'no control'}",
        f"  size      {row['megabytes']} MB of safetensors",
        f"  sha256    {row['sha256']}",
        f"  card      {row['card'] or 'none'}",
    ]
    return "\n".join(lines)
