"""One stage through Lightning's command line: configuration file, overrides, ``--print_config``."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]

from drivesim.errors import DriveSimError, InputError
from drivesim.training.callbacks import Curve, SampleGrid, Throughput, TimedCheckpoint, last_checkpoint
from drivesim.training.data import StageData
from drivesim.training.recipe import write_yaml
from drivesim.training.schedule import grouped, grouped_overrides
from drivesim.training.stage import Stage

#: What every stage wants unless its recipe says otherwise.
TRAINER_DEFAULTS: dict[str, Any] = {
    "max_epochs": -1,
    "gradient_clip_val": 1.0,
    "num_sanity_val_steps": 0,
    "check_val_every_n_epoch": None,
    "val_check_interval": 200,
    "log_every_n_steps": 10,
    "enable_checkpointing": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}


def quiet() -> None:
    """Silence what Lightning says on every start (advertisements, absent accelerators, our use of its command line)."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")


class StageCLI(LightningCLI):
    """LightningCLI with the folder of the training, the initial model, and our callbacks under their own names."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(
            Stage,
            StageData,
            subclass_mode_model=True,
            save_config_callback=None,
            seed_everything_default=0,
            trainer_defaults=TRAINER_DEFAULTS | {"callbacks": [Throughput(), SampleGrid()]},
            parser_kwargs={"exit_on_error": False},
            args=arguments,
            run=False,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """``--work``, ``--initial``, ``--checkpoint.*`` and ``--curve.*``."""
        parser.add_argument("--work", type=str, required=True, help="Folder of the whole training.")
        parser.add_argument(
            "--initial", type=str | None, default=None, help="Model to start from: default or a folder."
        )
        parser.link_arguments("work", "model.init_args.work")
        parser.link_arguments("initial", "model.init_args.initial")
        parser.add_lightning_class_args(TimedCheckpoint, "checkpoint")
        parser.add_lightning_class_args(Curve, "curve")


def build_stage(config: dict[str, Any], overrides: list[str]) -> StageCLI:
    """Parse ``config`` with ``overrides`` (``--trainer.max_steps 10`` and the like) and build trainer, module, data.

    Raises InputError for unknown or unusable settings; SystemExit after ``--print_config``.
    """
    quiet()
    model = grouped(config["model"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stage.yaml"
        write_yaml({**config, "model": model}, file)
        try:
            return StageCLI(["--config", str(file), *grouped_overrides(model["class_path"], overrides)])
        except (ArgumentError, MisconfigurationException, TypeError, ValueError) as error:
            _raise_own(error)
            text = str(error).replace(str(file), "the recipe")
            raise InputError(
                f"a setting of the stage is not usable: {text.strip()}\n"
                "See all settings with --print_config after the same command"
            ) from error


def _raise_own(error: BaseException) -> None:
    """Raise the error that a stage itself raised, out of what jsonargparse wraps around it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DriveSimError):
            raise cause
        cause = cause.__cause__ or cause.__context__


def fit(cli: StageCLI) -> None:
    """Train the stage, continuing from its last checkpoint when there is one."""
    folder = Path(cli.trainer.default_root_dir)
    folder.mkdir(parents=True, exist_ok=True)
    last = last_checkpoint(folder)
    if cli.trainer.max_steps < 0 and cli.config.trainer.max_time is None:
        raise InputError("the stage has no end: give --trainer.max_time 00:01:00:00 or --trainer.max_steps 10000")
    # Our own checkpoint from our own disk: Lightning writes optimiser state that only a pickle can hold.
    checkpoint = last if last.exists() else None
    try:
        cli.trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=checkpoint, weights_only=False)
    except MisconfigurationException as error:
        raise InputError(f"the trainer's settings do not fit the stage: {error}") from error
    if cli.trainer.interrupted:
        raise KeyboardInterrupt


def averages(checkpoint: Path, names: list[str]) -> dict[str, torch.Tensor]:
    """The averaged weights (float32) in a stage's checkpoint, by parameter name; ``names`` in the optimiser's order.

    A weight that no step has reached is not among them. Raises InputError when there is no checkpoint or it holds another network.
    """
    if not checkpoint.exists():
        raise InputError(f"{checkpoint}: no checkpoint; train the stage '{checkpoint.parent.name}' first")
    optimizer = torch.load(checkpoint, map_location="cpu", weights_only=False)["optimizer_states"][0]
    state, held = optimizer["state"], sum(len(group["params"]) for group in optimizer["param_groups"])
    if state and isinstance(next(iter(state)), str):  # sharded training keys its state by name
        return {name: values["average"] for name, values in ((n.removeprefix("network."), v) for n, v in state.items())}
    if held != len(names):
        raise InputError(f"{checkpoint}: holds {held} tensors, the network trains {len(names)}; another recipe?")
    return {name: state[index]["average"] for index, name in enumerate(names) if index in state}


def load_averages(stage: Stage, checkpoint: Path) -> None:
    """Put the averaged weights of a checkpoint into the stage's network."""
    parameters = {name: p for name, p in stage.network.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for name, value in averages(checkpoint, list(parameters)).items():
            parameters[name].copy_(value)
