"""Where networks of a training come from, and what they compute in."""

from pathlib import Path

import pytest
import torch
from tiny_video_ldm import save_toy

from drivesim.training.parts import Parts


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_training_computes_in_bfloat16_only_where_the_processor_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr("drivesim.models.load.native_bfloat16", lambda: native)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    toy = str(save_toy(tmp_path / "toy"))
    assert {p.dtype for p in Parts(tmp_path, toy).fresh("image", {}).parameters()} == {expected}
    assert {p.dtype for p in Parts(tmp_path, toy).finished("codec").parameters()} == {expected}
    for asked in (torch.bfloat16, torch.float32):
        parts = Parts(tmp_path, toy, str(asked).removeprefix("torch."))
        assert {p.dtype for p in parts.fresh("image", {}).parameters()} == {asked}
