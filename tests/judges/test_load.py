"""Judges are read from safetensors whose hashes agree, and from nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_judges import write_judges

from drivesim.errors import ModelError
from drivesim.judges.load import load_judges
from drivesim.models.hashes import write_hashes


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_judges(tmp_path_factory.mktemp("judges"))


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(written, tmp_path / "judges"))


def weights_of(folder: Path, part: str) -> Path:
    (path,) = (folder / part).glob("*.safetensors")
    return path


def test_both_networks_are_ready_and_named_by_their_hash(written: Path, folder: Path) -> None:
    judges = load_judges(written, torch.float32)
    stored = load_file(weights_of(written, "probe"))
    assert all(torch.equal(stored[name], value) for name, value in judges.probe.state_dict().items())
    assert not judges.probe.training and not any(p.requires_grad for p in judges.features.parameters())
    assert judges.sha256 == load_judges(folder, torch.float32).sha256
    assert load_judges(folder, torch.bfloat16).features.dtype == torch.bfloat16


def test_missing_judges_say_how_they_are_made(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelError, match=r"no judges here.*drivesim train probe"):
            load_judges(wrong)


def test_a_missing_part_and_a_changed_file_are_named(folder: Path) -> None:
    config = folder / "features" / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(ModelError, match=r"features.config\.json.*damaged"):
        load_judges(folder)
    config.unlink()
    with pytest.raises(ModelError, match=r"features.config\.json.*missing"):
        load_judges(folder)
    shutil.rmtree(folder / "features")
    write_hashes(folder)  # as one does who forgets half
    with pytest.raises(ModelError, match="another version or damaged"):
        load_judges(folder)


def test_a_pickle_is_refused_and_not_read(folder: Path) -> None:
    torch.save({"stem": torch.zeros(1)}, folder / "probe" / "diffusion_pytorch_model.bin")
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model\.bin.*only safetensors"):
        load_judges(folder)


def test_weights_of_another_version_are_not_filled_up_at_random(folder: Path) -> None:
    path = weights_of(folder, "probe")
    kept = load_file(path)
    dropped = next(name for name in kept if name.startswith("heatmap"))
    save_file({name: value for name, value in kept.items() if name != dropped}, path)
    write_hashes(folder)
    with pytest.raises(ModelError, match=r"another version or damaged.*heatmap"):
        load_judges(folder)


def test_a_configuration_of_other_widths_is_refused(folder: Path) -> None:
    path = folder / "probe" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"features": 12}))
    write_hashes(folder)
    with pytest.raises(ModelError, match="another version or damaged"):
        load_judges(folder)
