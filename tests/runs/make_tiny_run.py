"""Makes or resumes a run of the tiny model; also run as a program by the tests that kill it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from conformance import some_controls
from tiny_model import HEIGHT, WIDTH, TinyStartFrameModel, TinyWorldModel

from drivesim.clip import tensor_to_frames
from drivesim.controls import Control
from drivesim.errors import DriveSimError
from drivesim.options import Threads
from drivesim.runs.future import Future
from drivesim.runs.manifest import Manifest
from drivesim.runs.run import Beginning, Ingredients, make_futures, open_or_create
from drivesim.runs.run_folder import RunFolder
from drivesim.runs.streams import futures_stream, start_frame_stream
from drivesim.runs.timeline import Timeline
from drivesim.storage import sha256_of

SCENARIO = "drivesim: 1\nid: tiny\n"


def tiny_manifest(
    model: TinyWorldModel, *, num_frames: int = 61, seed: int = 7, lossless: bool = False, overlap: bool = True
) -> Manifest:
    """What a run of the tiny model is made of: segments of 12 frames, a state every 4."""
    stream = futures_stream(seed, "tiny", 0)
    return Manifest(
        scenario_id="tiny",
        scenario_sha256=sha256_of(SCENARIO.encode()),
        variation=0,
        seed=seed,
        model=model.spec.name,
        weights_sha256=model.spec.weights_sha256,
        steps=None,
        width=WIDTH,
        height=HEIGHT,
        fps=model.spec.fps,
        timeline=Timeline(
            num_frames=num_frames, chunk_frames=model.spec.chunk_frames, segment_chunks=3, state_chunks=1
        ),
        actors="free",
        ego="planned",
        lossless=lossless,
        png_frames=False,
        device="cpu",
        dtype="float32",
        threads=Threads(denoise=1, decode=1, overlap=overlap),
        start_source="synthesised",
        start_frame_sha256="",
        stream_root=stream.root,
        stream_key=stream.key,
        scene_frames=num_frames,
    )


def make_tiny_run(
    folder: Path,
    *,
    model: TinyWorldModel | None = None,
    manifest: Manifest | None = None,
    indices: tuple[int, ...] = (0,),
    resume: bool = False,
    tracks: str | None = None,
    scenario_note: str = "",
) -> tuple[Future, ...]:
    """Run the tiny model into ``folder``; ``tracks`` is the text of tracks.csv, ``scenario_note`` goes behind the scenario."""
    model = model or TinyWorldModel()
    manifest = manifest or tiny_manifest(model)
    scenario = SCENARIO + scenario_note
    manifest = replace(manifest, scenario_sha256=sha256_of(scenario.encode()))
    run = RunFolder(folder)
    controls = some_controls(manifest.timeline.control_frames)

    def begin() -> Beginning:
        noise = start_frame_stream(manifest.seed, "tiny", 0)
        return Beginning(frame=tensor_to_frames(TinyStartFrameModel().sample(controls.window(0, 1), noise))[0])

    def write_tracks() -> None:
        if tracks is not None:
            run.shared_tracks_path.write_text(tracks)

    with run.locked():
        beginning = open_or_create(run, manifest, scenario, begin, write_tracks, resume=resume)
        ingredients = Ingredients(
            model=model,
            beginning=beginning,
            start_controls=controls.window(0, 1),
            controls_of=lambda future: controls.without(Control.ACTORS),
        )
        return make_futures(run, ingredients, indices)


def main() -> int:
    """Run once; errors for the user in one line, Ctrl-C as 130."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--futures", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    model = TinyWorldModel(pause_s=options.pause)
    try:
        make_tiny_run(options.folder, model=model, indices=tuple(range(options.futures)), resume=options.resume)
    except DriveSimError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
