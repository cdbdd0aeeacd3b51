"""``drivesim train``: one stage of the model, or the whole chain, within a budget of wall time."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class StageName(StrEnum):
    """The stages in the order of the chain."""

    pack = "pack"
    codec = "codec"
    decoder = "decoder"
    upsampler = "upsampler"
    image = "image"
    video = "video"
    export = "export"


def train(
    stage: Annotated[
        StageName,
        typer.Argument(help="Stage to run; the order is pack, codec, decoder, upsampler, image, video, export."),
    ],
    data: Annotated[Path, typer.Option(help="Folder of packed clips.")] = Path("data/procedural"),
    work: Annotated[Path, typer.Option(help="Folder for checkpoints and logs of all stages.")] = Path(
        "checkpoints/default"
    ),
    minutes: Annotated[float, typer.Option(help="Wall-time budget of the stage over all its runs.")] = 30.0,
    clips: Annotated[int, typer.Option(help="pack: number of clips.")] = 1500,
    frames: Annotated[int, typer.Option(help="pack: frames per clip, at 10 frames a second.")] = 12,
    first_seed: Annotated[
        int, typer.Option(help="pack: seed of the first scene; seeds from 1000000 on are held out.")
    ] = 0,
    workers: Annotated[int, typer.Option(help="pack: processes.")] = 2,
    out: Annotated[Path, typer.Option(help="export: the model folder to write.")] = Path("checkpoints/default/model"),
) -> None:
    """Train a stage of the model; call it again to continue a stage that was stopped.

    Example: drivesim train pack --clips 200, then drivesim train codec --minutes 30, and so on to export.
    """
    if stage is StageName.pack:
        from drivesim.training.pack import pack

        pack(data, first_seed=first_seed, num_clips=clips, num_frames=frames, workers=workers)
        return
    from drivesim.models.video_ldm.load import VideoLDMConfig
    from drivesim.training.chain import Chain

    chain = Chain(data=data, work=work)
    if stage is StageName.export:
        chain.export(out, VideoLDMConfig())
        typer.echo(f"model written to {out}")
        return
    runs = {
        StageName.codec: chain.train_codec,
        StageName.decoder: chain.train_decoder,
        StageName.upsampler: chain.train_upsampler,
        StageName.image: chain.train_image,
        StageName.video: chain.train_video,
    }
    runs[stage](minutes)
