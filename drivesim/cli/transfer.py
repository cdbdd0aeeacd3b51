"""``drivesim transfer``: the temporal layers of one model on the image network of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.options import AsJson, Quiet


def transfer(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Whose temporal layers, codec and settings: a name, folder or hub id."),
    ],
    backbone: Annotated[
        str, typer.Argument(metavar="BACKBONE", help="The model whose image network they are to stand in.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the new model.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Put the temporal layers of a model into another image network of the same shape, unchanged.

    For an image network that was fine-tuned on a few pictures of one place or style ('drivesim train personalise'): its look, with the
    motion that was learnt elsewhere. Both must encode pictures alike.

    \b
    Examples:
      drivesim train personalise --data.path data/stills.zarr
      drivesim transfer default checkpoints/personalise/model --out my-model
      drivesim rollout highway-cut-in --model my-model --seconds 2
    """
    from drivesim.cli.progress import Voice
    from drivesim.models.transfer import transfer as transfer_layers
    from drivesim.storage import require_folder

    require_folder(out)
    sha256 = transfer_layers(model, backbone, out)
    Voice(quiet=quiet, as_json=as_json).result(
        f"model written to {out}; try: drivesim rollout highway-cut-in --model {out} --seconds 2",
        {"model": str(out), "sha256": sha256},
    )
