"""The format of a Video LDM's folder: what model.json must hold, and what the parts must have in common."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

from drivesim.diffusion.sampler import SamplerConfig
from drivesim.errors import InputError
from drivesim.models.differences import read_object
from drivesim.models.enlarging import parts_of, upsampling_faults
from drivesim.models.family_files import check_networks, older_keys, raise_if, read_settings, senseless, settings_of
from drivesim.models.kept_network import KeptNetwork, shapes_alone
from drivesim.models.video_ldm.codec import COLOUR_CHANNELS, FrameCodec
from drivesim.models.video_ldm.config import FRAME_SIZE, SMALL_SIZE, VideoLDMConfig
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.temporal import TemporalLayers
from drivesim.models.video_ldm.video_unet import NEWEST_CONTEXT, fitted_sizes

#: The format that this version writes and reads. Format 1 has no "version" key in model.json; its decoder and its image
#: network were never told the layout as three rasters. In format 2 the decoder saw the frame before as planes, and its last
#: octave had no convolutions across its blocks. In format 3 no pixel of a box told which point of the box it shows,
#: in format 4 none which body an actor has within its class, in format 5 none where its ray leaves the box, in format 6 none
#: where in the cycle of their legs walkers are, and format 7 told that by two numbers for the whole box.
FORMAT_VERSION = 8

PARTS: dict[str, type[KeptNetwork]] = {
    "codec": FrameCodec,
    "image": ImageUNet,
    "temporal": TemporalLayers,
}

#: Keys that came later, by part ("model" is model.json), each with the value that its absence in older files means.
#: A new constructor argument needs an entry here; without it, older models are refused instead of quietly changed.
ADDED_KEYS: dict[str, dict[str, Any]] = {
    "model": {
        "rollout": {
            "free_factor": 1,
            "free_sigma_max": None,
            "free_guidance": 1.0,
            "free_guidance_low": 0.0,
            "context_guidance": 1.0,
            "mode": "frame-wise",
        }
    },
    "temporal": {"moved_context": False, "reach": 0, "strides": [1], "key_frames": 4},
}


def read_config(folder: Path) -> VideoLDMConfig:
    """The configuration in model.json. Raises ModelError with every difference from what this version expects."""
    hints = get_type_hints(VideoLDMConfig)
    data = read_settings(folder, hints, version=FORMAT_VERSION, added=ADDED_KEYS, changed="its layout has other planes")
    config = VideoLDMConfig.from_json(data)
    raise_if(_senseless_values(config, folder / "model.json"), folder)
    return config


def new_settings(name: str) -> dict[str, Any]:
    """What model.json of a new model holds."""
    return settings_of("video_ldm", FORMAT_VERSION, VideoLDMConfig(name=name))


def check_files(folder: Path) -> None:
    """Look whether a folder's files fit this version, without loading weights. Raises ModelError with every difference."""
    check_parts(folder, read_config(folder))


def video_of(folder: Path) -> tuple[int, int, float]:
    """Rows, columns and frames a second of what the model makes. Raises ModelError."""
    return *FRAME_SIZE, read_config(folder).fps


def small_size(folder: Path) -> tuple[int, int]:
    """Rows and columns of the frames before they are enlarged, the same for every folder."""
    return SMALL_SIZE


def check_parts(folder: Path, config: VideoLDMConfig) -> None:
    """Raise ModelError with every difference between the parts, their classes, each other and model.json."""
    check_networks(folder, parts_of(folder, PARTS), ADDED_KEYS)
    upsampler = upsampling_faults(
        folder, config.upsampling, small=SMALL_SIZE, shown=FRAME_SIZE, frames=config.chunk_frames
    )
    raise_if([*_disagreements(folder, config), *upsampler], folder)


def older_values(folder: Path, part: str) -> dict[str, Any]:
    """The keys that an older part's config.json lacks, with the values that their absence means."""
    return older_keys(folder, part, ADDED_KEYS)


def with_frames_per_call(config: VideoLDMConfig, frames: int, places: int) -> VideoLDMConfig:
    """The same with another number of frames per call: the temporal layers over windows of another length than trained, as
    Blattmann et al. 2023 apply them convolutionally in time.

    ``places`` are those of the position table. Raises InputError for a call that is too short or too long.
    """
    most = places - NEWEST_CONTEXT - 1
    if not config.context_frames <= frames <= most:
        raise InputError(
            f"frames per call is {frames}: expected {config.context_frames} to {most} ({config.name!r} itself makes "
            f"{config.chunk_frames}). A call's last {config.context_frames} frames are the next one's context, and the position table "
            f"of its temporal layers has {places} places, {NEWEST_CONTEXT + 1} of them for context."
        )
    return dataclasses.replace(config, chunk_frames=frames)


def _disagreements(folder: Path, config: VideoLDMConfig) -> list[str]:
    """Values of one part that do not fit another's; each part by itself is known to be right."""
    part = {name: read_object(folder / name / "config.json") for name in PARTS}
    with shapes_alone():
        fitted = fitted_sizes(ImageUNet.from_config(part["image"] | older_values(folder, "image")))
    codec_channels = part["codec"]["latent_channels"] + COLOUR_CHANNELS
    reach = config.chunk_frames + NEWEST_CONTEXT + 1
    wanted: list[tuple[str, str, Any, str]] = [
        ("image", "latent_channels", codec_channels, f"the codec's and {COLOUR_CHANNELS} of colour"),
        ("temporal", "latent_channels", codec_channels, f"the codec's and {COLOUR_CHANNELS} of colour"),
        ("temporal", "block_channels", list(fitted["block_channels"]), "those of the image network's blocks"),
        ("temporal", "block_factors", list(fitted["block_factors"]), "those of the image network's blocks"),
    ]
    lines = [
        f"{folder / name / 'config.json'}: {key!r} is {part[name][key]}, expected {value}, {why}"
        for name, key, value, why in wanted
        if part[name][key] != value
    ]
    if part["temporal"]["max_frames"] < reach:
        lines.append(
            f"{folder / 'temporal' / 'config.json'}: 'max_frames' is {part['temporal']['max_frames']}, "
            f"expected {reach} or more for chunks of {config.chunk_frames} frames"
        )
    return lines + _hierarchy_disagreements(folder, config, part["temporal"] | older_values(folder, "temporal"))


def _hierarchy_disagreements(folder: Path, config: VideoLDMConfig, temporal: dict[str, Any]) -> list[str]:
    """Values that no key frames can be made with."""
    path, made = folder / "temporal" / "config.json", temporal["key_frames"]
    if len(temporal["strides"]) == 1:
        asked = config.rollout.mode == "hierarchical"
        expected = "[1] and more for a rollout of mode hierarchical"
        return senseless([("strides", temporal["strides"], not asked, expected)], path)
    most = temporal["max_frames"] - NEWEST_CONTEXT - 1
    fits = config.context_frames <= made <= most
    return senseless([("key_frames", made, fits, f"{config.context_frames} to {most}")], path)


def _senseless_values(config: VideoLDMConfig, path: Path) -> list[str]:
    """Values of model.json of the right kind that no rollout can run with."""
    checks: list[tuple[str, Any, bool, str]] = [
        ("fps", config.fps, 0.0 < config.fps < float("inf"), "more than 0"),
        ("context_frames", config.context_frames, 1 <= config.context_frames <= NEWEST_CONTEXT + 1, "1 to 3"),
        (
            "chunk_frames",
            config.chunk_frames,
            config.chunk_frames >= config.context_frames,
            f"at least context_frames ({config.context_frames})",
        ),
    ]
    rollout = config.rollout
    lowest, highest = rollout.sampler.sigma_min, rollout.free_sigma_max
    checks += [
        ("rollout: free_factor", rollout.free_factor, rollout.free_factor >= 1, "1 or more"),
        (
            "rollout: free_sigma_max",
            highest,
            highest is None or highest > lowest,
            f"more than sigma_min ({lowest}), or null",
        ),
        ("rollout: free_guidance", rollout.free_guidance, 1.0 <= rollout.free_guidance < float("inf"), "1 or more"),
        ("rollout: free_guidance_low", rollout.free_guidance_low, rollout.free_guidance_low >= 0.0, "0 or more"),
        (
            "rollout: context_guidance",
            rollout.context_guidance,
            1.0 <= rollout.context_guidance < float("inf"),
            "1 or more",
        ),
    ]
    for name, sampler in (("rollout", config.rollout.sampler), ("start_frame", config.start_frame.sampler)):
        checks += [(f"{name}: sampler: {key}", *rest) for key, *rest in _sampler_checks(sampler)]
    if config.upsampling is not None:
        checks += config.upsampling.checks()
    return senseless(checks, path)


def _sampler_checks(sampler: SamplerConfig) -> list[tuple[str, Any, bool, str]]:
    return [
        ("steps", sampler.steps, sampler.steps >= 1, "1 or more"),
        ("sigma_min", sampler.sigma_min, sampler.sigma_min > 0.0, "more than 0"),
        (
            "sigma_max",
            sampler.sigma_max,
            sampler.sigma_max > sampler.sigma_min,
            f"more than sigma_min ({sampler.sigma_min})",
        ),
        ("rho", sampler.rho, sampler.rho > 0.0, "more than 0"),
    ]
