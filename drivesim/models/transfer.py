"""Temporal layers on another image network (Video LDM, Blattmann et al. 2023, section 4.3: personalised text-to-video).

Layers that were trained over one image network are inserted unchanged into another of the same shape, such as one that was
fine-tuned on a few pictures of one place. That they fit follows from the shapes; that they still make sense, from both networks
having been trained on the latents of one codec.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from pathlib import Path
from typing import Any, Protocol

from drivesim.errors import ModelError
from drivesim.models.hashes import combined_hash, recorded_hashes
from drivesim.models.load import check_folder, family_of, model_folder
from drivesim.models.saving import save_whole


class BackboneFamily(Protocol):
    """The module ``drivesim/models/<family>/transfer.py`` of a family whose temporal layers stand in an image network."""

    #: The part that is taken from the other model.
    BACKBONE: str

    def refusals(self, folder: Path, other: Path) -> list[str]:
        """Why the temporal layers in ``folder`` cannot stand in the backbone of ``other``, one line each."""
        ...


def transfer(model: str | Path, backbone: str | Path, out: str | Path) -> str:
    """Write into ``out`` the model with the image network of ``backbone``; returns its hash. All files are copied as they are.

    Codec, temporal layers and settings are those of ``model``. Raises ModelError for a family without an image network, for
    models of two families, for shapes or codecs that differ, with each reason, and when ``out`` holds something else than a model; an
    older model there is replaced.
    """
    folder, other = model_folder(model), model_folder(backbone)
    if check_folder(folder) == check_folder(other):
        raise ModelError(f"{model} and {backbone} are one model; name another one as the backbone")
    family = _family(folder, other)
    if reasons := family.refusals(folder, other):
        raise ModelError(
            f"the temporal layers of {model} do not fit the image network of {backbone}:\n"
            + "\n".join(f"  {reason}" for reason in reasons)
        )
    target = Path(out)
    if target.resolve() in (folder.resolve(), other.resolve()):
        raise ModelError(f"{out} is one of the two models; choose another folder")
    save_whole(target, lambda unfinished: _copy(folder, other, family.BACKBONE, unfinished))
    check_folder(target)
    return combined_hash(recorded_hashes(target))


def _family(folder: Path, other: Path) -> BackboneFamily:
    names = [family_of(one) for one in (folder, other)]
    if names[0] != names[1]:
        raise ModelError(
            f"{folder} is of the family {names[0]!r}, {other} of {names[1]!r}; layers fit only a network of their own family"
        )
    place = f"drivesim.models.{names[0]}.transfer"
    if importlib.util.find_spec(place) is None:
        raise ModelError(
            f"{folder}: the family {names[0]!r} has no image network that temporal layers stand in; its denoiser is one network "
            "for space and time"
        )
    family: Any = importlib.import_module(place)
    found: BackboneFamily = family
    return found


def _copy(folder: Path, other: Path, part: str, unfinished: Path) -> None:
    """Every file of ``folder``, of the part ``part`` those of ``other``."""
    shutil.copytree(folder, unfinished, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*", part, "hashes.json"))
    shutil.copytree(other / part, unfinished / part)
    card = unfinished / "README.md"
    if card.is_file():
        said = f"> Its image network is another than the one described here: that of weights {_short(other)}.\n\n"
        card.write_text(said + card.read_text(encoding="utf-8"), encoding="utf-8")


def _short(folder: Path) -> str:
    return combined_hash(recorded_hashes(folder))[:12]
