"""hashes.json: the SHA-256 of every file of a model folder, written when it is saved and checked when it is loaded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from drivesim.errors import ModelError
from drivesim.json_text import JsonFault, parse
from drivesim.storage import files_below

HASHES = "hashes.json"
HASHED_SUFFIXES = (".safetensors", ".json")
PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".bin", ".npz")


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every weight and configuration file of a model folder, by relative path."""
    names = [path for path in _visible_files(folder) if path.suffix in HASHED_SUFFIXES and path.name != HASHES]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in names}


def write_hashes(folder: Path) -> None:
    """Write hashes.json, which loading checks; make all files readable, as safetensors are written for their owner only."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / HASHES).write_text(json.dumps(file_hashes(folder), indent=2))


def verify_folder(folder: Path) -> str:
    """Check every file against hashes.json and return the hash of the whole. Raises ModelError naming the file."""
    try:
        return _verified(folder)
    except PermissionError as error:
        raise ModelError(
            f"{error.filename}: may not be read (permission denied). Mend the rights of the folder (chmod -R u+rX) or copy it"
        ) from error


def _verified(folder: Path) -> str:
    pickles = [path.name for path in _visible_files(folder) if path.suffix in PICKLE_SUFFIXES]
    if pickles:
        raise ModelError(
            f"{folder}: holds {', '.join(pickles)}, pickles that can run code; remove them, only safetensors are read"
        )
    recorded = recorded_hashes(folder)
    found = file_hashes(folder)
    for name, digest in recorded.items():
        if name not in found:
            raise ModelError(f"{folder / name}: the file is missing; install the package or copy the model again")
        if found[name] != digest:
            raise ModelError(
                f"{folder / name}: the file is damaged or foreign (sha256 {found[name][:12]}, expected {digest[:12]}); "
                "install the package or copy the model again"
            )
    unlisted = sorted(found.keys() - recorded.keys())
    if unlisted:
        raise ModelError(
            f"{folder}: {', '.join(unlisted)} not listed in {HASHES}, so nothing vouches for what is in it; "
            "remove it or copy the model again"
        )
    return combined_hash(recorded)


def recorded_hashes(folder: Path) -> dict[str, str]:
    """The content of hashes.json: SHA-256 by relative path. Raises ModelError when it is missing or unreadable."""
    path = folder / HASHES
    if not path.is_file():
        raise ModelError(f"{folder}: {HASHES} is missing; copy the whole folder that training or save_pretrained wrote")
    try:
        recorded = parse(path.read_bytes())
    except JsonFault as error:
        raise ModelError(f"{path}: not readable as JSON ({error}); copy the model again") from error
    if not isinstance(recorded, dict) or not all(isinstance(digest, str) for digest in recorded.values()):
        raise ModelError(f"{path}: expected one object of file names and SHA-256 sums; copy the model again")
    return recorded


def combined_hash(hashes: dict[str, str]) -> str:
    """One SHA-256 over the names and hashes of all files."""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def _visible_files(folder: Path) -> list[Path]:
    """Files of a folder without those of hidden folders, where download tools keep their notes."""
    files = [path for path in files_below(folder) if path.is_file()]
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))
