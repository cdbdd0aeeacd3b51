"""``drivesim train``: a recipe's stages, one or all, continued where they were stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.terminal import say

#: Options that Lightning's command line takes are passed on as they are.
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


def train(
    context: typer.Context,
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe file (.yaml) or the name of one in the package, such as smoke.")
    ] = None,
    stage: Annotated[
        str, typer.Option(help="A stage of the recipe, several with commas, or all: the whole chain.")
    ] = "all",
    work: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints, curves and the model; checkpoints/RECIPE by default.")
    ] = None,
    initial: Annotated[
        str | None, typer.Option(help="Start from a model's weights: default, or a folder. Overrides the recipe's.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print parameters, memory, steps/s and hours, and train nothing.")
    ] = False,
    list_recipes: Annotated[bool, typer.Option("--list", help="List the recipes in the package.")] = False,
) -> None:
    """Train a model by a recipe. The same command continues what was stopped, killed or crashed.

    Every setting can be changed behind the recipe, by the names that --print_config shows: --data.path, --data.batch_size,
    --trainer.max_time 00:01:30:00 (days:hours:minutes:seconds), --trainer.max_steps, --trainer.devices,
    --model.learning_rate, --checkpoint.minutes. They apply to every stage that is run.

    \b
    Examples:
      drivesim data pack procedural data/world.zarr --samples 1500
      drivesim train smoke --data.path data/world.zarr
      drivesim train recipes/default.yaml --data.path data/world.zarr --stage codec --trainer.max_time 00:01:30:00
      drivesim train default --stage image --print_config
      drivesim train small-gpu --dry-run
      torchrun --nproc-per-node 8 -m drivesim train small-gpu --data.path data/world.zarr
    """
    from drivesim.training.recipe import packaged_recipes, read_recipe

    if list_recipes or recipe is None:
        for name in packaged_recipes():
            say(f"{name:<24}{read_recipe(name).about}")
        if recipe is None and not list_recipes:
            say("\nerror: name a recipe: drivesim train RECIPE; 'drivesim train --help' shows examples.", err=True)
            raise typer.Exit(2)
        return
    chosen = read_recipe(recipe)
    stages = _stages(stage, list(chosen.stages), recipe)
    folder = work if work is not None else Path("checkpoints") / chosen.name
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    if dry_run:
        from drivesim.training.dry_run import dry_run as estimate

        for line in estimate(chosen, folder, stages=stages, initial=initial, overrides=context.args):
            say(line)
        return
    from drivesim.storage import require_folder
    from drivesim.training.chain import run_chain

    require_folder(folder)
    run_chain(chosen, folder, stages=stages, initial=initial, overrides=context.args, say=say)


def _stages(wanted: str, known: list[str], recipe: str) -> list[str]:
    """The stages asked for, in the recipe's order."""
    from drivesim.errors import InputError

    if wanted == "all":
        return known
    names = [name.strip() for name in wanted.split(",")]
    strange = [name for name in names if name not in known]
    if strange:
        raise InputError(f"{recipe}: no stage {', '.join(map(repr, strange))}; it has {', '.join(known)}, or all")
    return [name for name in known if name in names]
