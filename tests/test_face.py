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
