"""A model family is a folder with one ``load_folder``: none is named anywhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drivesim.errors import ModelError
from drivesim.models import load
from drivesim.models.hashes import write_hashes
from drivesim.models.load import families, load_model


def test_a_family_is_found_by_its_folder() -> None:
    assert families() == ("lvdm", "pvdm", "video_ldm")
    sources = [path.read_text(encoding="utf-8") for path in Path(load.__file__).parent.glob("*.py")]
    assert not [text for text in sources for family in families() if f"models.{family}" in text]


@pytest.mark.parametrize("name", ["svd", "../video_ldm", None, 3])
def test_an_unknown_family_is_refused_by_name(name: object, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"family": name}))
    write_hashes(tmp_path)
    with pytest.raises(ModelError, match=r"is not known to this version \(known: lvdm, pvdm, video_ldm\)"):
        load_model(tmp_path)
