"""The ``drivesim`` command: a table of commands, each imported only when it is called.

Help must answer at once, so nothing here imports torch, and listing the commands imports none of their files.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from drivesim.cli import terminal
from drivesim.cli.terminal import say
from drivesim.errors import DriveSimError

MODEL_OR_DEVICE = 4

OPTIONAL_PACKAGES = {"pytorch_lightning": "train", "lightning": "train", "nuscenes": "nuscenes"}
"""Modules that only an extra installs, and the extra's name."""

SECTIONS: dict[str, dict[str, str]] = {
    "Look before you wait (no model needed)": {
        "check": "Read a scenario file and list every mistake with its line, or nothing.",
        "preview": "Draw the scenario from above and its boxes in the camera picture.",
        "explain": "Say for each field of a scenario how it acts on the video.",
        "sample": "Write every variation of a scenario or suite as a file of its own.",
        "render": "Render the scenario in the procedural world: exact, but drawn.",
        "schema": "Print the JSON Schema that lets an editor complete scenario files.",
    },
    "Make video": {
        "start": "Synthesise the first picture of a scenario and lay its boxes over it.",
        "rollout": "Continue the first picture into seconds or minutes of video.",
        "futures": "Sample several futures of one first picture and set them side by side.",
        "sweep": "Make every future of a suite, side by side or on a cluster; resumable.",
        "replay": "Make one future of a run again and say whether it is the same.",
    },
    "Share": {
        "export": "Write a run as MCAP, nuScenes, COCO, frames, OpenSCENARIO or video at another rate.",
        "import": "Turn an OpenSCENARIO file into a scenario file, and list what is lost.",
    },
    "Measure": {
        "test": "Drive scenarios, with a planner of yours or as written, and judge each.",
        "score": "Measure a finished run: obedience, drift, danger, labels, spread.",
        "rank": "Pick the best, the median and the worst future of a run or sweep by a figure.",
        "evaluate": "Measure a model on held-out scenes, between floors and ceilings.",
        "benchmark": "Set models side by side on one store: codec, likeness, seconds and memory.",
        "coverage": "Say what sweeps have reached of their parameters and events, and what to sample next.",
        "compare": "Set two reports side by side, figure by figure.",
        "diff": "Set two futures side by side in a video, with what differs.",
    },
    "Models and this machine": {
        "models": "List the world models at hand, their size and what they obey.",
        "data": "Pack driving data into one store, look at it, check it.",
        "train": "Train a model of your own by a recipe, on this machine or many; resumable.",
        "transfer": "Put a model's temporal layers into another image network, unchanged.",
        "doctor": "Check that this machine can run drivesim, or that a run is what it was.",
    },
}

EXAMPLE = """\
drivesim check my.yaml                          is the file right?
drivesim preview my.yaml --out preview/         does it show what I meant?
drivesim rollout highway-cut-in --seconds 10    ten seconds of video of a library scenario
drivesim futures my.yaml --futures 8            eight ways it may go on
drivesim rollout --help                         every option of one command"""


_NO_RIGHTS = ". Mend the rights of it and of the folders above it (ls -ld, chmod), or name another place."

#: What to do about what the system refuses where nobody foresaw it.
_WAYS_OUT = {
    errno.EACCES: _NO_RIGHTS,
    errno.EPERM: _NO_RIGHTS,
    errno.EROFS: ". Name a place on another disk.",
    errno.ENOSPC: ". Free some space and repeat the command.",
    errno.EDQUOT: ". Free some space and repeat the command.",
    errno.ENAMETOOLONG: ". Choose a shorter name.",
    errno.ELOOP: ": a link that leads back to itself. Name the file that is meant.",
    errno.EMFILE: ". Raise the limit (ulimit -n) and repeat the command.",
    errno.EIO: ". The disk or its connection fails: copy the file elsewhere and repeat the command.",
}

#: Commands whose names Python keeps to itself, and what their file and function are called.
KEYWORDS = {"import": "import_scenario"}

SUMMARIES = {name: text for section in SECTIONS.values() for name, text in section.items()}


class LazyCommands(Mapping[str, Any]):
    """Command name to typer command; a command's file is imported when the command is looked up."""

    def __getitem__(self, name: str) -> Any:
        if name not in SUMMARIES:
            raise KeyError(name)
        from drivesim.cli.grouped import flattened
        from drivesim.cli.values import guarded

        word = KEYWORDS.get(name, name)
        module = importlib.import_module(f"drivesim.cli.{word}")
        if isinstance(getattr(module, word), typer.Typer):  # a group of commands of its own
            return guarded(typer.main.get_command(getattr(module, word)))
        holder = typer.Typer(add_completion=False, rich_markup_mode=None)
        holder.command(name, context_settings=getattr(module, "PASS_ON", None))(flattened(getattr(module, word)))
        return guarded(typer.main.get_command(holder))

    def __iter__(self) -> Iterator[str]:
        return iter(SUMMARIES)

    def __len__(self) -> int:
        return len(SUMMARIES)


class LazyGroup(TyperGroup):
    """A typer group over :class:`LazyCommands` that turns errors meant for the user into one message and an exit code."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LazyCommands()  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands, without importing them."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of commands and the example from the table above."""
        for title, summaries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(summaries.items()))
        with formatter.section("For example"):
            for line in EXAMPLE.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a :class:`DriveSimError`, a full disk or Ctrl-C ends in one line, never in a traceback."""
        try:
            with terminal.saying_what_is_not_kept():
                return super().invoke(ctx)
        except DriveSimError as error:
            _fail(str(error), error.exit_code)
        except BrokenPipeError:
            raise typer.Exit(terminal.PIPE_CLOSED) from None
        except OSError as error:
            _fail(_in_words(error), DriveSimError.exit_code)
        except MemoryError:
            _fail("out of memory. Ask for fewer futures at once, or close other programs.", MODEL_OR_DEVICE)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] not in OPTIONAL_PACKAGES:
                raise
            extra = OPTIONAL_PACKAGES[error.name.partition(".")[0]]
            _fail(
                f"{error.name} is not installed. Run: pip install -c constraints.txt -e '.[{extra}]'", MODEL_OR_DEVICE
            )
        except terminal.Stopped as signal:
            say("stopped by a signal", err=True)
            raise typer.Exit(signal.exit_code) from None
        except KeyboardInterrupt:
            say("stopped", err=True)
            raise typer.Exit(terminal.STOPPED) from None


def _in_words(error: OSError) -> str:
    """What the system refused, of which file, and what to do, without its number."""
    way_out = _WAYS_OUT.get(error.errno or 0, "")
    if error.filename is None or error.strerror is None:
        return f"{error}{way_out}"
    return f"{error.filename}: {error.strerror}{way_out}"


def _fail(message: str, exit_code: int) -> None:
    """Print ``error: message`` on standard error and leave with ``exit_code``; DRIVESIM_TRACEBACK=1 shows the cause."""
    if os.environ.get("DRIVESIM_TRACEBACK") == "1":
        raise
    say(f"error: {message}", err=True)
    raise typer.Exit(exit_code) from None


def _print_version(wanted: bool) -> None:
    if wanted:
        from drivesim import __version__

        say(f"drivesim {__version__}")
        raise typer.Exit()


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Driving video from a scenario file: describe a traffic situation, watch how it may go on."""
    if context.invoked_subcommand is None:
        say(context.get_help())


def main() -> None:
    """Entry point of the ``drivesim`` console script and of ``python -m drivesim``."""
    terminal.prepare()
    if sys.argv[1:2] != ["train"]:  # its trainer keeps a checkpoint on signals of its own
        terminal.stop_on_signals()
    terminal.run(lambda: app(prog_name="drivesim"))


if __name__ == "__main__":
    main()
