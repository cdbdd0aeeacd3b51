"""The command table: help at once, errors as one line, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from drivesim import __version__
from drivesim.cli import main as command_line
from drivesim.cli.main import LazyCommands, LazyGroup
from drivesim.errors import InputError, ModelError, SelectBudgetError

HEAVY = {"torch", "numpy", "diffusers", "cv2", "rich", "pydantic", "av"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "drivesim", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from drivesim.cli.main import app\n"
        "try: app(['--help'], prog_name='drivesim')\n"
        f"finally: print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "HEAVY []" in shown
    assert "highway-cut-in" in shown
    for name in LazyCommands():
        assert f"  {name} " in shown


def test_every_command_teaches_itself_without_importing_torch() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from drivesim.cli.main import LazyCommands, app\n"
        "for name in LazyCommands():\n"
        "    result = CliRunner().invoke(app, [name, '--help'])\n"
        "    print(name, result.exit_code, 'xample' in result.output, 'torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [f"{name} 0 True False" for name in LazyCommands()]


def test_data_is_packed_and_data_and_runs_are_looked_at_without_importing_torch() -> None:
    """Which takes longer than a small store, in every worker anew."""
    datasets = "drivesim.datasets.procedural.dataset, drivesim.datasets.video_folder, drivesim.datasets.nuscenes"
    needed = f"drivesim.packing, {datasets}, drivesim.runs.inspection"
    program = f"import sys, {needed}; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )


def test_no_arguments_show_the_help() -> None:
    result = run()
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: drivesim")


def test_version() -> None:
    assert run("--version").stdout == f"drivesim {__version__}\n"


def test_unknown_command_suggests_the_near_one_and_exits_2() -> None:
    result = run("rolout")
    assert result.returncode == 2
    assert "Did you mean 'rollout'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_unknown_option_exits_2() -> None:
    result = run("models", "--nonsense")
    assert result.returncode == 2
    assert "--nonsense" in result.stderr


def test_missing_model_is_one_line_and_exits_4(tmp_path: Path) -> None:
    result = CliRunner().invoke(command_line.app, ["models", str(tmp_path / "nowhere")])
    assert result.exit_code == 4
    assert result.stderr.startswith("error: model ")
    assert result.stderr.count("\n") == 1


def test_entry_points_keep_waiting_threads_asleep_unless_the_user_says_otherwise() -> None:
    program = "import os, drivesim; print(os.environ['GOMP_SPINCOUNT'])"
    without = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}
    for environment, expected in ((without, "0"), ({**without, "GOMP_SPINCOUNT": "7"}, "7")):
        shown = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
        )
        assert shown.stdout.strip() == expected


def raising(error: BaseException) -> typer.Typer:
    """An application of the same group whose only work is to raise ``error``."""
    app = typer.Typer(cls=LazyGroup, invoke_without_command=True, rich_markup_mode=None)

    @app.callback()
    def root() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (InputError("my.yaml:3:1: no"), 2, "error: my.yaml:3:1: no\n"),
        (SelectBudgetError("64 tries"), 3, "error: 64 tries\n"),
        (ModelError("no weights"), 4, "error: no weights\n"),
        (
            OSError(28, "No space left on device", "run/v.mp4"),
            2,
            "error: run/v.mp4: No space left on device. Free some space and repeat the command.\n",
        ),
        (
            PermissionError(13, "Permission denied", "a/b"),
            2,
            "error: a/b: Permission denied. Mend the rights of it and of the folders above it (ls -ld, chmod), or name another place.\n",
        ),
        (MemoryError(), 4, "error: out of memory. Ask for fewer futures at once, or close other programs.\n"),
        (KeyboardInterrupt(), 130, "stopped\n"),
        (
            ModuleNotFoundError("gone", name="pytorch_lightning"),
            4,
            "error: pytorch_lightning is not installed. Run: pip install -c constraints.txt -e '.[train]'\n",
        ),
    ],
)
def test_errors_become_one_line_and_an_exit_code(error: BaseException, exit_code: int, message: str) -> None:
    result = CliRunner().invoke(raising(error), [])
    assert (result.exit_code, result.stderr, result.stdout) == (exit_code, message, "")


def test_a_defect_keeps_its_traceback() -> None:
    result = CliRunner().invoke(raising(ZeroDivisionError("ours")), [])
    assert isinstance(result.exception, ZeroDivisionError)


def test_traceback_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVESIM_TRACEBACK", "1")
    assert isinstance(CliRunner().invoke(raising(InputError("no")), []).exception, InputError)


def test_commands_are_listed_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "drivesim.cli.models", raising=False)
    assert "models" in list(command_line.LazyCommands())
    assert "drivesim.cli.models" not in sys.modules
