"""Terminals, pipes and homes of all kinds: the right words, the right exit code, never a traceback."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivesim.cli.main import SUMMARIES, app
from drivesim.errors import InputError
from drivesim.metrics.estimate import exact
from drivesim.report import Figure, Report, Section
from drivesim.report.files import write_report

#: Runs commands one after the other in one process, each as the console script would, and keeps their exit codes.
DRIVER = """
import json, os, pwd, sys
from pathlib import Path
commands, codes = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
if os.environ.get("NO_PASSWD"):
    def nobody(uid):
        raise KeyError(uid)
    pwd.getpwuid = nobody
from drivesim.cli.main import main
left = []
for command in commands:
    sys.argv = ["drivesim", *command]
    try:
        main()
    except SystemExit as leaving:
        left.append(leaving.code)
codes.write_text(json.dumps(left))
"""

SCENARIO = """\
drivesim: 1
id: close
scene:
  road: {type: urban, lanes: 1}
  ego: {speed: 0}
  actors:
    - {id: ped3, class: pedestrian, at: {x: 5, y: 0}}
    - {id: inside1, class: car, at: {x: 20, y: 0}}
    - {id: inside2, class: bicycle, at: {x: 20, y: 0}}
"""


def commands(folder: Path) -> list[tuple[list[str], int]]:
    """Every command's help, and the main output of those that need no model, with the exit codes that are right."""
    (folder / "close.yaml").write_text(SCENARIO)
    figure = Figure(key="a.b", label="Übereinstimmung → ≥ 1", value=exact(1.0), unit="m/s²")
    write_report(
        Report(title="T", subject="S", sections=(Section(title="A", about="B", figures=(figure,)),)), folder / "r"
    )
    helps = [([name, "--help"], 0) for name in SUMMARIES] + [(["--help"], 0), ([], 0), (["data", "pack", "--help"], 0)]
    said = [
        (["check", "highway-cut-in"], 0),
        (["check", str(folder / "close.yaml")], 2),
        (["check", "--library"], 0),
        (["explain", "highway-cut-in"], 0),
        (["schema"], 0),
        (["compare", str(folder / "r"), str(folder / "r")], 0),
        (["data", "info", str(folder / "nowhere.zarr")], 2),
        (["doctor", str(folder)], 2),
        (["nothing-of-the-kind"], 2),
    ]
    return helps + said


def start(
    folder: Path, given: list[list[str]], *, closed: bool = False, **environment: str
) -> tuple[list[int], str, str]:
    """Exit codes, standard output and standard error of commands run in one process."""
    (folder / "commands.json").write_text(json.dumps(given))
    wanted = [sys.executable, "-c", DRIVER, str(folder / "commands.json"), str(folder / "codes.json")]
    kept = {
        key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME", "PYTHONIOENCODING")
    }
    shell = ["sh", "-c", 'exec "$@" >&-', "sh"] if closed else []
    done = subprocess.run([*shell, *wanted], capture_output=True, env={**kept, **environment}, check=False, timeout=300)
    error = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0 and "Traceback" not in error and "Exception ignored" not in error, error
    return json.loads((folder / "codes.json").read_text()), done.stdout.decode("latin-1"), error


@pytest.mark.parametrize(
    ("closed", "environment"),
    [
        (False, {"PYTHONIOENCODING": "ascii"}),
        (False, {"PYTHONIOENCODING": "cp1252"}),
        (True, {"PYTHONIOENCODING": "utf-8"}),
        (False, {"NO_PASSWD": "1"}),
    ],
)
def test_whatever_is_printed_to(tmp_path: Path, closed: bool, environment: dict[str, str]) -> None:
    wanted = commands(tmp_path)
    codes, output, _ = start(tmp_path, [command for command, _ in wanted], closed=closed, **environment)
    assert [(command, code) for (command, _), code in zip(wanted, codes, strict=True)] == wanted
    assert ("close.yaml:9:" in output) is not closed
    if environment.get("PYTHONIOENCODING") == "ascii":
        assert output.isascii() and "Usage: drivesim rollout" in output


def test_a_reader_who_has_seen_enough(tmp_path: Path) -> None:
    program = "from drivesim.cli.main import main; import sys; sys.argv = ['drivesim', 'schema']; main()"
    done = subprocess.run(
        ["sh", "-c", '"$@" | true; exit 0', "sh", sys.executable, "-c", program], capture_output=True, check=False
    )
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_cannot_be_written_is_said() -> None:
    program = "from drivesim.cli.main import main; import sys; sys.argv = ['drivesim', 'schema']; main()"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert (
        done.stderr.decode().startswith("error: ") and b"No space left" in done.stderr and done.stderr.count(b"\n") == 1
    )


def test_what_would_steer_the_terminal_is_made_visible(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text('drivesim: 1\nid: a\n"\\e[31mred": 1\nscene: {ego: {"\\e]0;title\\a": 2}}\n')
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 2 and "\x1b" not in result.output and "\\x1b[31mred" in result.output
    assert str(InputError("a\x1b[2Jb\udcff\u202e\nc\td")) == "a\\x1b[2Jb\\udcff\\u202e\nc\td"


def test_sigterm_ends_like_ctrl_c_and_says_so() -> None:
    program = (
        "import signal, sys, time; from drivesim.cli import main as m, schema\n"
        # Under nohup these tests inherit that SIGHUP is ignored.
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "def slow() -> None:\n    print('up', flush=True); time.sleep(60)\n"
        "schema.schema = slow; sys.argv = ['drivesim', 'schema']; m.main()"
    )
    for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(0.1)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error.strip().startswith("stopped")) == (code, True), error


def test_brackets_of_a_title_are_no_markup(tmp_path: Path) -> None:
    path = tmp_path / "title.yaml"
    path.write_text('drivesim: 1\nid: t\ntitle: "rain [/b] [red]x :car:"\nscene: {ego: {speed: 5}}\n')
    result = CliRunner().invoke(app, ["explain", str(path)])
    assert result.exit_code == 0, result.output
    assert "t: rain [/b] [red]x :car:" in " ".join(result.output.split())


def test_everything_is_printed_by_the_one_who_knows_terminals() -> None:
    """What an encoding lacks would end in a traceback elsewhere."""
    root = Path(__file__).resolve().parents[2]
    loose = [
        f"{path.relative_to(root)}:{call.lineno}"
        for folder in ("drivesim", "datasets", "scenarios", "conditioning")
        for path in (root / folder).rglob("*.py")
        if path.name != "terminal.py"
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in ("print", "typer.echo", "typer.secho", "sys.stdout.write")
    ]
    assert loose == []
