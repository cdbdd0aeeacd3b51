"""The names of ``import drivesim as ds`` are those of docs/python.md, each once, with the parameters that it has; ``…`` stands for more."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import drivesim as ds

PAGE = (Path(__file__).resolve().parent.parent / "docs/python.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `ds\.(\w+)(?:\((.*?)\))?` \|", PAGE, re.MULTILINE)


def test_every_name_stands_on_the_page_once() -> None:
    assert sorted(name for name, _ in ROWS) == sorted(set(ds.__all__) - {"__version__"})


def test_every_name_is_there_with_the_parameters_that_the_page_names() -> None:
    wrong = {}
    for name, written in ROWS:
        value = getattr(ds, name)
        parameters = [word.strip() for word in written.split(",") if word.strip()]
        if callable(value) and not (inspect.isclass(value) and issubclass(value, Exception)):
            known = [one.name for one in inspect.signature(value).parameters.values() if one.kind != one.VAR_KEYWORD]
            if parameters[-1:] == ["…"]:
                parameters, known = parameters[:-1], known[: len(parameters) - 1]
            if parameters != known:
                wrong[name] = (parameters, known)
    assert wrong == {}


def test_importing_the_face_loads_nothing_heavy() -> None:
    program = "import sys, drivesim; print(*sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(ds, "rollouts")
    assert set(ds.__all__) <= set(dir(ds))


def test_every_path_may_be_a_text() -> None:
    """Of the face, and of what the pages of data and exports call; what the program itself makes is not asked for."""
    from drivesim.datasets.nuscenes import NuScenesDataset
    from drivesim.datasets.store import ClipStore
    from drivesim.datasets.video_folder import VideoFolderDataset
    from drivesim.exports.nuscenes import write_nuscenes
    from drivesim.packing import pack

    faces = [getattr(ds, name) for name in ds.__all__ if name not in ("Future", "FutureRow", "Plan")]
    called = [one for one in faces if callable(one) and not (inspect.isclass(one) and issubclass(one, Exception))] + [
        NuScenesDataset,
        ClipStore,
        VideoFolderDataset,
        write_nuscenes,
        pack,
    ]
    asked = [
        f"{one.__name__}({parameter})"
        for one in called
        for parameter in inspect.signature(one).parameters.values()
        if "Path" in str(parameter.annotation)
    ]
    assert len(asked) > 10
    assert [one for one in asked if "str" not in one] == []
