"""The chain of a recipe: stage after stage in one folder, and at its end a model folder with card and curves.

``work``/<stage> holds a stage's checkpoint, curve and pictures, ``work``/model the parts that are finished, and
``work``/networks what is no part of a model. Every step is repeated safely: a finished stage is skipped, a stopped one
continues.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.folder_lock import locked_file
from drivesim.models.differences import read_object
from drivesim.models.enlarging import UPSAMPLER, UpsamplingConfig
from drivesim.models.hashes import write_hashes
from drivesim.models.load import family_files, model_folder
from drivesim.training.callbacks import last_checkpoint
from drivesim.training.card import write_card
from drivesim.training.curves import draw_curves
from drivesim.training.done import StageDone, read_done, write_done
from drivesim.training.full_disk import storage_said
from drivesim.training.parts import Parts
from drivesim.training.recipe import Recipe, parse_yaml
from drivesim.training.schedule import grouped
from drivesim.training.stage import NothingToLearn
from drivesim.training.stage_cli import StageCLI, build_stage, fit, load_averages

Say = Callable[[str], None]

#: Set by torchrun and by SLURM for each of several processes.
WORLD_VARIABLES = ("WORLD_SIZE", "SLURM_NTASKS")


def run_chain(
    recipe: Recipe, work: Path, *, stages: list[str], initial: str | None, overrides: list[str], say: Say = print
) -> None:
    """Train ``stages`` of a recipe in order; where one of them trains a part of a model, complete ``work``/model.

    Raises InputError for settings that cannot be used, FolderInUseError where another training writes into ``work``,
    FloatingPointError when a loss is no number.
    """
    first = int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0
    # A process that Lightning launched works for the one that holds the lock.
    alone = first and int(os.environ.get("LOCAL_RANK", "0")) == 0
    with locked_file(work / "lock", option="--work") if alone else contextlib.nullcontext():
        _run_stages(recipe, work, stages=stages, initial=initial, overrides=overrides, first=first, say=say)


def _run_stages(
    recipe: Recipe,
    work: Path,
    *,
    stages: list[str],
    initial: str | None,
    overrides: list[str],
    first: bool,
    say: Say,
) -> None:
    tell = say if first else _silent
    reached: list[str] = []
    family: str | None = None
    for stage in stages:
        config = recipe.stage_config(stage, work, initial)
        cli = build_stage(config, overrides)
        _refuse_own_launch(cli, stages)
        settings = parse_yaml(cli.parser.dump(cli.config, skip_link_targets=False))
        reached.append(cli.model.part)
        family = _one_family(family, cli.model.parts, cli.model.part)
        done = work / stage / "done.json"
        if is_done(done, settings):
            tell(f"{stage}: finished before, skipped (delete {done} to train on)")
            continue
        tell(f"{stage}: training into {work / stage}")
        try:
            with storage_said(work):
                fit(cli)
                _save_part(cli, config, overrides, done, settings)
        except NothingToLearn as error:
            if len(stages) == 1:
                raise
            tell(f"{stage}: left out. {error}")
    start = initial if initial is not None else recipe.initial
    parts = Parts(work, start) if family is None else Parts(work, start, family=family)
    _finish(recipe, parts, reached, first=first, tell=tell)


def _one_family(known: str | None, parts: Parts, part: str) -> str | None:
    """The family of the model that is trained, once a stage trains a part of one. Raises InputError for a second one."""
    if part not in parts.of_model:
        return known
    if known not in (None, parts.family):
        raise InputError(
            f"the recipe trains parts of two families, {known} and {parts.family}; give each a recipe and a --work of its own"
        )
    return parts.family


def _finish(recipe: Recipe, parts: Parts, reached: list[str], *, first: bool, tell: Say) -> None:
    """Complete the model if ``reached`` names parts of one, and say where everything is."""
    work = parts.work
    for name in dict.fromkeys(reached):
        if name not in parts.of_model and parts.is_trained(name):
            if first:
                write_hashes(parts.folder(name))
            tell(f"network written to {parts.folder(name)}")
    if first and (work / "networks").is_dir():
        write_hashes(work / "networks")  # over all of them: what judges are loaded from
    if not set(reached) & set(parts.of_model):
        return
    missing = [part for part in parts.needed if not parts.is_trained(part)]
    if missing and parts.initial is None:
        tell(f"{work / 'model'}: not complete yet, {', '.join(missing)} missing; train the other stages")
    elif first:
        folder = complete_model(recipe, parts)
        tell(f"model written to {folder}; try: drivesim rollout highway-cut-in --model {folder} --seconds 10")


def _silent(text: str) -> None:
    """Only the first of several processes speaks."""


def complete_model(recipe: Recipe, parts: Parts) -> Path:
    """Make ``work``/model loadable: parts that were not trained from the initial model, configuration, card, curves, hashes."""
    work, folder = parts.work, parts.work / "model"
    for part in parts.of_model:
        if not (folder / part / "config.json").exists() and (part in parts.needed or parts.initial_has(part)):
            shutil.copytree(parts.initial_folder() / part, folder / part)
    curves = draw_curves(work, list(recipe.stages), folder / "curves.png")
    settings = model_settings(recipe.name, parts.initial, parts.family)
    if parts.is_trained(UPSAMPLER):
        settings = {**settings, "upsampling": settings.get("upsampling") or dataclasses.asdict(UpsamplingConfig())}
    (folder / "model.json").write_text(json.dumps(settings, indent=2))
    write_card(recipe, work, folder, parts.initial, has_curves=curves)
    write_hashes(folder)
    return folder


def model_settings(name: str, initial: str | None, family: str) -> dict[str, Any]:
    """What model.json of a new model holds: the initial model's sampling, or the defaults, under its own name."""
    if initial is None:
        return family_files(family).new_settings(name)
    return {**read_object(model_folder(initial) / "model.json"), "name": name}


def _save_part(cli: StageCLI, config: dict[str, Any], overrides: list[str], done: Path, settings: Any) -> None:
    """On the first process: the averaged network of the last checkpoint becomes the stage's part of the model."""
    trainer: pl.Trainer = cli.trainer
    if trainer.is_global_zero:
        stage = build_stage(config, overrides).model  # a fresh one: the trained one may be sharded over processes
        load_averages(stage, last_checkpoint(done.parent))
        stage.network.eval().requires_grad_(False)
        stage.finish(ClipStore(cli.datamodule.path))
        stage.parts.save(stage.part, stage.trained())
        write_done(done, StageDone(updates=cli.model.updates, draws=cli.model.draws_seen, settings=settings))
    trainer.strategy.barrier()


def is_done(done: Path, settings: Any) -> bool:
    """Whether a stage is finished, with these settings, by its done.json."""
    known = read_done(done)
    if known is None:
        return False
    model = grouped(known.settings.get("model", {}))  # versions without groups kept each setting by itself
    return {**known.settings, "model": model} == settings


def _refuse_own_launch(cli: StageCLI, stages: list[str]) -> None:
    external = any(int(os.environ.get(name, "1")) > 1 for name in WORLD_VARIABLES)
    if len(stages) > 1 and cli.trainer.world_size > 1 and not external:
        raise InputError(
            "several devices and several stages: start the chain with torchrun, for example "
            "torchrun --nproc-per-node 8 -m drivesim train RECIPE, or name one --stage at a time"
        )
