"""What the program makes, as digests: scenes, rendered frames, rollouts, training steps and a report, all at toy size.

``python tests/golden.py`` writes them to golden.json, for a change that is meant to change them. Bits are promised on one
kind of CPU with one version of torch and NumPy, as both choose their kernels by it; elsewhere :func:`coarse` holds.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded, silent, tiny_judges
from tiny_loaded import SCENARIO_TEXT, TinyLoaded
from tiny_video_ldm import save_toy

from drivesim.datasets.procedural.dataset import ProceduralDataset
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.evidence.of_run import score_run
from drivesim.models import load_model
from drivesim.options import Options, Threads
from drivesim.packing import pack
from drivesim.renderer.world import ProceduralWorld
from drivesim.scenarios import load, loads
from drivesim.scenarios.expand import expand
from drivesim.scenarios.library import find, library
from drivesim.scene import Scene
from drivesim.simulate import generate, rollout
from drivesim.training.callbacks import last_checkpoint, read_curve
from drivesim.training.chain import run_chain
from drivesim.training.recipe import read_recipe

FILE = Path(__file__).with_name("golden.json")
ONE = Threads(denoise=1, decode=1)
#: Fields that came later and say nothing where they have these values: what is without them keeps its digest.
ADDED: dict[str, Any] = {"flare": None, "stop_lines": (), "junctions": (), "start_s": 0.0, "gait_rad": None}
RANGES = dict.fromkeys(("luma", "saturation", "contrast", "sharpness", "motion"), (0.0, 255.0))
JUDGES = """\
recipe: judges
data: {validation_batches: 1, validation_share: 0.2}
trainer: {max_steps: 1, limit_val_batches: 0}
stages:
  probe:
    model: {class_path: drivesim.training.ProbeStage, init_args: {network: {widths: [8, 8, 8, 8], features: 8, motion_widths: [4, 4]}}}
    curve: {every: 1}
  features:
    model: {class_path: drivesim.training.FeatureStage, init_args: {network: {widths: [4, 8, 8, 8]}}}
    curve: {every: 1}
"""


def machine() -> dict[str, str]:
    """What decides the last bit of arithmetic: the CPU's vector instructions, and the versions that choose among them."""
    capabilities = sorted(name for name, there in torch.cpu.get_capabilities().items() if there is True)
    return {"cpu": " ".join(capabilities), "torch": torch.__version__, "numpy": np.__version__, "cv2": cv2.__version__}


def digest(value: Any) -> str:
    """SHA-256 of numbers, texts, arrays, tensors, and of containers and dataclasses of them, by the names of their fields."""
    found = hashlib.sha256()
    _feed(found, value)
    return found.hexdigest()


def _feed(found: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().reshape(-1).view(torch.uint8).numpy()
    if isinstance(value, np.ndarray):
        found.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        _feed(found, {name: one for name, one in fields.items() if name not in ADDED or one != ADDED[name]})
    elif isinstance(value, dict):
        for name in sorted(value):
            found.update(f"{name}:".encode())
            _feed(found, value[name])
    elif isinstance(value, tuple | list):
        found.update(f"[{len(value)}".encode())
        for one in value:
            _feed(found, one)
    else:
        found.update(f"{value!r};".encode())


@functools.cache
def library_scenes() -> dict[str, Scene]:
    """Every library scenario, six seconds of it."""
    scenarios = {entry.name: load(find(entry.name))[0] for entry in library()}
    return {name: expand(scenario, seed=7, fps=10.0, duration_s=6.0) for name, scenario in scenarios.items()}


@functools.cache
def rendered_frame() -> dict[str, np.ndarray]:
    """A frame of a sampled scene with its labels, 128x256."""
    world = ProceduralWorld(sample_scene(41, 6, 10.0), appearance_seed=41)
    return vars(world.render(5, 256, 128))


def coarse() -> dict[str, list[float]]:
    """What holds on any machine to about six digits: where the ego of each scene ends, and the frame's grey in 8x16 tiles."""
    grey = rendered_frame()["rgb"].mean(-1).reshape(8, 16, 16, 16).mean((1, 3))
    ends = {name: scene.ego.positions[-1].tolist() for name, scene in library_scenes().items()}
    return {
        **{name: [round(value, 4) for value in end] for name, end in ends.items()},
        "frame": grey.round(2).ravel().tolist(),
    }


def rollouts(folder: Path) -> dict[str, str]:
    """Two seconds scripted, stored, by a tiny model; and a chunk of a toy video LDM whose actors are free, in memory."""
    scripted = Options(actors="scripted", lossless=True, threads=ONE)
    (written,) = loads(
        SCENARIO_TEXT.replace("duration: 4 s", "duration: 12 s")
    )  # the scene is as long, whatever is shown
    made = rollout(TinyLoaded(), written, seconds=2.0, seed=7, out=folder / "run", options=scripted)
    toy = load_model(save_toy(folder / "toy"), device="cpu", dtype="float32")
    (scenario,) = load(find("highway-cut-in"))
    pieces = generate(toy, scenario, seconds=0.9, seed=3, future=1, options=Options(actors="free", threads=ONE))
    return {
        "scripted frames": digest(made.frames()),
        "scripted tracks": digest((folder / "run" / "tracks.csv").read_text()),
        "free frames": digest([piece.frames for piece in pieces]),
    }


def training_steps(folder: Path) -> dict[str, str]:
    """One step of each stage: the logged figures, and the weights after it."""
    store = folder / "tiny.zarr"
    pack(ProceduralDataset(num_samples=2, num_frames=4), store)
    (folder / "judges.yaml").write_text(JUDGES)
    found = {}
    for recipe in (read_recipe("smoke"), read_recipe(str(folder / "judges.yaml"))):
        for stage in recipe.stages:
            steps = 2 if stage == "gan" else 1  # counts both of its optimisers
            words = (f"max_steps={steps}", "limit_val_batches=0", "num_sanity_val_steps=0", "enable_progress_bar=false")
            overrides = [*(f"--trainer.{word}" for word in words), f"--data.path={store}", "--data.batch_size=1"]
            run_chain(recipe, folder, stages=[stage], initial=None, overrides=overrides, say=str)
            figures = [row for row in read_curve(folder / stage / "metrics.csv") if "per_second" not in row[1]]
            state = torch.load(last_checkpoint(folder / stage), weights_only=False)["state_dict"]
            found[stage] = digest([figures, state])
    return found


def report(folder: Path) -> str:
    """The scored run of a tiny model, by untrained judges, as JSON without paths."""
    rollout(JudgedLoaded(), loads(JUDGED_SCENARIO)[0], seconds=0.8, out=folder / "judged", options=Options(threads=ONE))
    judges = tiny_judges(folder / "judges")
    scored = score_run(folder / "judged", judges, silent, np.random.default_rng(0), ranges=RANGES).report
    return digest(dataclasses.replace(scored, subject="", commands={}).to_json())


def bits(folder: Path) -> dict[str, Any]:
    """All digests; ``folder`` is scratch."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {
            "scenes": {name: digest(scene) for name, scene in library_scenes().items()},
            "frame": {name: digest(value) for name, value in rendered_frame().items()},
            "rollouts": rollouts(folder),
            "training": training_steps(folder),
            "report": report(folder),
        }
    finally:
        torch.set_num_threads(threads)


def main() -> None:
    """Write golden.json anew. Anything on the command line is refused: who asks for help does not mean to change results."""
    if len(sys.argv) > 1:
        sys.exit(
            f"error: got {' '.join(sys.argv[1:])}, expected nothing: 'python tests/golden.py' writes {FILE.name} anew"
        )
    with tempfile.TemporaryDirectory() as scratch:
        golden = {"machine": machine(), "bits": bits(Path(scratch)), "coarse": coarse()}
    FILE.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
