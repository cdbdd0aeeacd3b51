"""PVDM and LVDM at their published sizes beside the authors' own: parameters, arithmetic, memory, as ratios.

python benchmarks/published_sizes.py --write docs/families.md

The authors' figures are constants here: their code is not run. Parameters and arithmetic of the authors' networks were counted
once from their code and configurations, layer by layer; PVDM's seconds and memory are those of the paper's table 5. Ours are counted without computing
anything (PyTorch's meta device); memory is that of one real step and one decoding in float32, each family in a process of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from measuring import flop_of, machine, put_between_marks, report, separately, significant, table

from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.lvdm.autoencoder import ClipAutoencoder3D
from drivesim.models.lvdm.denoiser import FactorisedUNet, GivenLatents
from drivesim.models.pvdm.autoencoder import PlaneAutoencoder
from drivesim.models.pvdm.denoiser import PlaneDenoiser
from drivesim.training.recipe import read_recipe

#: The papers' frames; the recipes' are twice as wide.
SIDE = 256
LATENT_SIDE = SIDE // 8


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the authors' networks hold and do in one step of the denoiser, for ``frames`` frames of 256 x 256.

    ``autoencoder`` and ``denoiser`` are parameters, ``gflop`` the arithmetic of a step; None was not counted.
    ``times`` holds (frames of video, steps in all, seconds, GB) of the paper's table.
    """

    title: str
    frames: int
    autoencoder: float | None
    denoiser: float
    gflop: float
    times: tuple[tuple[int, int, float, float], ...] = ()


PUBLISHED: Mapping[str, Published] = {
    "pvdm": Published(
        title="PVDM-L (configs/latent-diffusion/base.yaml)",
        frames=16,
        autoencoder=None,
        denoiser=528_273_412,
        gflop=243.02,
        times=((16, 400, 40.9, 5.2), (128, 3200, 328.0, 5.2)),
    ),
    "lvdm": Published(
        title="LVDM (configs/lvdm_long, 5 latent frames)",
        frames=20,
        autoencoder=19_446_667,
        denoiser=549_181_060,
        gflop=452.11,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Family:
    """Our networks at the published size: the coder, the denoiser, one step of it, and one decoding."""

    coder: Any
    denoiser: Any
    step: Callable[[], object]
    decode: Callable[[], object]


def family(name: str, device: str) -> Family:
    """The networks of ``pvdm`` or ``lvdm`` with zero weights on ``device``, for square frames as the papers' are."""
    stages = read_recipe(f"{name}-paper").stages
    sizes = {part: stages[part]["model"]["init_args"]["network"] for part in ("autoencoder", "denoiser")}
    frames = PUBLISHED[name].frames
    told = ControlTensors.assemble(frames, {}, {}).to(device, torch.float32)
    square = {"height": LATENT_SIDE, "width": LATENT_SIDE}
    level = torch.zeros(1, dtype=torch.long, device=device)
    with torch.device(device):
        if name == "pvdm":
            coder: Any = PlaneAutoencoder(**{**sizes["autoencoder"], "width": SIDE})
            denoiser: Any = PlaneDenoiser(**{**square, "num_frames": frames, **sizes["denoiser"]})
            latents = torch.zeros(1, *coder.latent_shape)
            step = lambda: denoiser(latents, level, latents, denoiser.read(told, 1))  # noqa: E731
        else:
            coder = ClipAutoencoder3D(**{**sizes["autoencoder"], "width": SIDE})
            denoiser = FactorisedUNet(**{**square, **sizes["denoiser"]})
            latents = torch.zeros(1, *coder.latent_shape)
            noisy = torch.zeros(1, latents.shape[1], denoiser.length, *latents.shape[-2:])
            given = GivenLatents(torch.zeros(1, denoiser.length), level, level)
            step = lambda: denoiser(noisy, level, given, denoiser.read(told, 1))  # noqa: E731
    return Family(coder=coder, denoiser=denoiser, step=step, decode=lambda: coder.decode(latents))


def parameters(network: Any) -> int:
    """Numbers that a network holds."""
    return sum(parameter.numel() for parameter in network.parameters())


@torch.inference_mode()
def counted(name: str) -> tuple[int, int, float]:
    """Parameters of our autoencoder and denoiser, and GFLOP of a step, of a family at the published size."""
    made = family(name, "meta")
    return parameters(made.coder), parameters(made.denoiser), flop_of(made.step) / 1e9


def networks_table() -> str:
    """Ours over the authors', network by network."""
    rows = []
    for name, theirs in PUBLISHED.items():
        coder, denoiser, gflop = counted(name)
        for what, own, published, unit in (
            ("autoencoder, M parameters", coder / 1e6, theirs.autoencoder and theirs.autoencoder / 1e6, 3),
            ("denoiser, M parameters", denoiser / 1e6, theirs.denoiser / 1e6, 3),
            (f"a step of {theirs.frames} frames, GFLOP", gflop, theirs.gflop, 3),
        ):
            if published is not None:
                cells = (significant(published, unit), significant(own, unit), f"{own / published:.2f} ×")
                rows.append((theirs.title, what, *cells))
    return table(("family", "what", "authors'", "ours", "ours to theirs"), rows)


def videos_table(peak_gb: Mapping[str, float]) -> str:
    """What the paper's seconds say of its GPU, and our memory over the paper's."""
    rows = []
    for name, theirs in PUBLISHED.items():
        gflop = counted(name)[2]
        for frames, steps, seconds, gigabytes in theirs.times:
            rate = steps * theirs.gflop / 1e3 / seconds
            rows.append(
                (
                    theirs.title.split(" (")[0],
                    frames,
                    steps,
                    f"{seconds:g} s, {gigabytes:g} GB",
                    f"{rate:.1f}",
                    f"{steps * gflop / 1e3 / rate:.0f} s, {gflop / theirs.gflop:.2f} ×",
                    f"{peak_gb[name]:.1f} GB, {peak_gb[name] / gigabytes:.2f} ×",
                )
            )
    header = ("family", "frames", "steps", "paper", "TFLOP/s that this is", "ours at that rate", "ours held on a CPU")
    return table(header, rows)


def main() -> None:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", choices=list(PUBLISHED), help="run a step and a decoding in this process and report")
    parser.add_argument("--write", type=Path, help="a page with marks named published")
    arguments = parser.parse_args()
    if arguments.one:
        with torch.inference_mode():
            made = family(arguments.one, "cpu")
            made.step()
            made.decode()
        report({})
        return
    peaks = {name: float(separately("published_sizes.py", "--one", name)["peak_gb"]) for name in PUBLISHED}
    held = ", ".join(f"{name.upper()} {peak:.1f} GB" for name, peak in peaks.items())
    text = f"{networks_table()}\n\n{videos_table(peaks)}\n\nOne step and one decoding in float32 held: {held} ({machine()})."
    print(text)
    if arguments.write:
        put_between_marks(arguments.write, "published", text)


if __name__ == "__main__":
    main()
