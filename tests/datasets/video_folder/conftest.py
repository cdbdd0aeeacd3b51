"""A good video, and folders with something beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from numbered_video import numbered_frames, write_video


@pytest.fixture(scope="session")
def plain_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames at 10 frames a second, 4 s, the index at the end of the file."""
    return write_video(tmp_path_factory.mktemp("plain") / "plain.mp4", numbered_frames(40), g=10, bf=2)


@pytest.fixture
def folder_with(tmp_path: Path, plain_video: Path) -> Callable[..., Path]:
    """A folder with the plain video as good.mp4 and the given further files (name to text or bytes)."""

    def make(**files: str | bytes) -> Path:
        (tmp_path / "good.mp4").write_bytes(plain_video.read_bytes())
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (tmp_path / name.replace("__", ".")).write_bytes(data)
        return tmp_path

    return make
