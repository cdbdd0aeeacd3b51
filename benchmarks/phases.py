"""The phases of the default model, each by itself: milliseconds and GFLOP per frame of 512 x 1024.

python benchmarks/phases.py --threads 1 --repeats 8
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable

import torch
from measuring import flop_of, report, seconds_of

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.conditioning import SceneControls
from drivesim.noise import NoiseStream
from drivesim.runs.video import VideoWriter
from drivesim.scenarios import load
from drivesim.scenarios.expand import develop
from drivesim.scenarios.library import find
from drivesim.simulate import load_model, start_frame


def phases(model_name: str, scenario_name: str) -> tuple[dict[str, tuple[int, Callable[[], object], bool]], Callable]:
    """By name: the frames that one call makes, the call, and whether it computes in torch; then the start frame."""
    model = load_model(model_name, device="cpu")
    world, codec = model.world_model, model.world_model.codec
    scenario = load(find(scenario_name))[0]
    frames = world.spec.chunk_frames
    scene = develop(scenario, seed=0, fps=world.spec.fps, duration_s=4.0).scene
    controls = SceneControls(scene, world.spec.controls, with_flow=True)
    first = start_frame(model, scenario)
    pictures = frames_to_tensor(first[None])
    told = controls.window(1, 1 + frames)
    state = world.begin(pictures, controls.window(0, 1))
    chunk, state = world.step(state, told, NoiseStream(0))
    shown = tensor_to_frames(world.decode(chunk, pictures[0]))

    def write() -> None:
        with VideoWriter(io.BytesIO(), 1024, 512, world.spec.fps) as writer:
            for _ in range(4):
                writer.write(shown)

    return {
        "layout": (frames, lambda: controls.window(1, 1 + frames), False),
        "denoise": (frames, lambda: world.step(state, told, NoiseStream(0)), True),
        "decode": (frames, lambda: world.decode(chunk, pictures[0]), True),
        "encode": (1, lambda: codec.encode(pictures), True),
        "H.264": (4 * frames, write, False),
    }, lambda: start_frame(model, scenario)


def main() -> None:
    """Report one line of JSON: phase to milliseconds and GFLOP per frame."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--scenario", default="highway-cut-in")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    found: dict[str, dict[str, float]] = {}
    with torch.inference_mode():
        calls, start = phases(arguments.model, arguments.scenario)
        for name, (frames, call, _) in calls.items():
            found[name] = {"ms": 1000.0 * seconds_of(call, arguments.repeats) / frames}
        found["start frame"] = {"ms": 1000.0 * seconds_of(start, 1, warm_ups=0)}
    with torch.no_grad():  # counted last, as counting changes how calls are dispatched
        for name, (frames, call, computes) in calls.items():
            found[name]["gflop"] = flop_of(call) / frames / 1e9 if computes else 0.0
        found["start frame"]["gflop"] = flop_of(start) / 1e9
    report({"phases": found})


if __name__ == "__main__":
    main()
