"""Recipes: those in the package can be built, and a wrong one says what is wrong and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivesim.errors import InputError
from drivesim.training.chain import is_done
from drivesim.training.done import StageDone, write_done
from drivesim.training.recipe import find_recipe, packaged_recipes, parse_yaml, read_recipe
from drivesim.training.schedule import Schedule
from drivesim.training.stage_cli import build_stage

GOOD = """\
recipe: mine
stages:
  codec:
    model: {class_path: drivesim.training.CodecStage, init_args: {network: {widths: [8, 8, 8, 8]}}}
    trainer: {max_steps: 2}
"""


def _build(text: str, folder: Path, *overrides: str):
    path = folder / "mine.yaml"
    path.write_text(text)
    recipe = read_recipe(str(path))
    return build_stage(recipe.stage_config("codec", folder / "work", None), list(overrides))


@pytest.mark.parametrize("name", packaged_recipes())
def test_first_stage_of_every_packaged_recipe_is_built(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    stage = next(iter(recipe.stages))
    here = ["--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.num_nodes=1", "--trainer.strategy=auto"]
    cli = build_stage(recipe.stage_config(stage, tmp_path, None), here)
    assert cli.trainer.max_steps > 0 or cli.config.trainer.max_time is not None
    begins = {"probe": "probe", "pvdm": "autoencoder", "lvdm": "autoencoder", "personalise": "image"}
    first = begins.get(name.partition("-")[0], "codec")
    assert cli.model.part == first


@pytest.mark.parametrize("name", ["pvdm-smoke", "pvdm-paper", "lvdm-smoke", "lvdm-paper"])
def test_the_adversarial_phase_stands_behind_the_autoencoder_that_it_needs(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    assert list(recipe.stages) == ["autoencoder", "gan", "denoiser"]
    config = recipe.stage_config("gan", tmp_path, None)
    assert config["trainer"]["gradient_clip_val"] is None and "accumulate_grad_batches" not in config["trainer"]
    here = ["--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.strategy=auto"]
    with pytest.raises(InputError, match="this stage needs the part 'autoencoder'"):  # its settings are all known
        build_stage(config, here)


def test_the_recipes_of_the_issue_are_there() -> None:
    assert set(packaged_recipes()) >= {
        "default", "small-gpu", "paper", "nuscenes-finetune", "video-folder-finetune", "smoke",
        "video-ldm-small", "pvdm-small", "lvdm-small",
    }  # fmt: skip


def test_the_small_recipes_of_the_families_have_one_budget_and_one_store() -> None:
    recipes = [read_recipe(f"{family}-small") for family in ("video-ldm", "pvdm", "lvdm")]
    minutes = []
    for recipe in recipes:
        times = [stage["trainer"]["max_time"].split(":") for stage in recipe.stages.values()]
        minutes.append(sum(int(time[-2]) + int(time[-1]) / 60 for time in times))
    assert minutes == [36.0, 36.0, 36.0]
    assert {recipe.shared["data"]["path"] for recipe in recipes} == {"data/clips.zarr"}


def test_names_with_and_without_folder_and_suffix() -> None:
    assert find_recipe("smoke") == find_recipe("recipes/smoke.yaml") == find_recipe("smoke.yaml")


def test_any_field_can_be_overridden(tmp_path: Path) -> None:
    cli = _build(
        GOOD, tmp_path, "--trainer.max_time", "00:01:30:00", "--data.path", "x.zarr", "--data.batch_size=3",
        "--model.learning_rate", "0.5", "--checkpoint.minutes", "2.5",
    )  # fmt: skip
    assert cli.datamodule.path == "x.zarr" and cli.datamodule.batch_size == 3
    assert cli.model.schedule == Schedule(learning_rate=0.5, average_decay=0.998), "the rest is the stage's"
    assert [c.minutes for c in cli.trainer.callbacks if hasattr(c, "minutes")] == [2.5]


def test_shared_settings_may_stand_alone_or_in_their_group(tmp_path: Path) -> None:
    alone = GOOD.replace("init_args: {", "init_args: {warmup_steps: 7, learning_rate: 1.0e-3, ")
    group = GOOD.replace("init_args: {", "init_args: {schedule: {warmup_steps: 7, learning_rate: 1.0e-3}, ")
    wanted = Schedule(learning_rate=1e-3, warmup_steps=7, average_decay=0.998)
    assert _build(alone, tmp_path).model.schedule == _build(group, tmp_path).model.schedule == wanted
    given = ("--model.warmup_steps=9", "--model.init_args.weight_decay", "0.5", "--model.schedule.average_decay=0.9")
    changed = _build(alone, tmp_path, *given).model.schedule
    assert changed == Schedule(learning_rate=1e-3, warmup_steps=9, average_decay=0.9, weight_decay=0.5)
    with pytest.raises(InputError, match=r"model.warmup_steps and model.schedule.warmup_steps are the same setting"):
        _build(group.replace("schedule:", "warmup_steps: 3, schedule:"), tmp_path)
    for setting, message in {
        "learning_rate=-1": "model.learning_rate is -1.0: expected more than 0 and at most 1",
        "learning_rate=1e308": "model.learning_rate is 1e.308: expected more than 0",
        "average_decay=1.5": "model.average_decay is 1.5: expected at least 0 and at most 1",
        "warmup_steps=-3": "model.warmup_steps is -3: expected at least 0",
    }.items():
        with pytest.raises(InputError, match=message):
            _build(GOOD, tmp_path, f"--model.{setting}")
    with pytest.raises(InputError, match="warmup_step"):
        _build(alone.replace("warmup_steps", "warmup_step"), tmp_path)


def test_a_stage_that_was_finished_before_settings_were_grouped_stays_finished(tmp_path: Path) -> None:
    cli = _build(GOOD, tmp_path)
    settings = parse_yaml(cli.parser.dump(cli.config, skip_link_targets=False))
    old = parse_yaml(cli.parser.dump(cli.config, skip_link_targets=False))
    old["model"]["init_args"].update(old["model"]["init_args"].pop("schedule"))
    assert old != settings and old["model"]["init_args"]["learning_rate"] == 6e-4
    write_done(tmp_path / "done.json", StageDone(updates=2, draws=4, settings=old))
    assert is_done(tmp_path / "done.json", settings)
    old["model"]["init_args"]["learning_rate"] = 1.0
    write_done(tmp_path / "done.json", StageDone(updates=2, draws=4, settings=old))
    assert not is_done(tmp_path / "done.json", settings)


def test_print_config_names_every_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _build(GOOD, tmp_path, "--print_config")
    printed = capsys.readouterr().out
    for field in ("max_time", "gradient_clip_val", "accumulate_grad_batches", "batch_size", "learning_rate", "crop"):
        assert field in printed


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("stages:", "stagse:", "unknown key 'stagse'. Did you mean 'stages'?"),
        ("    trainer:", "    triner:", r"stages.codec.triner — unknown key 'triner'. Did you mean 'trainer'?"),
        ("class_path: drivesim.training.CodecStage", "class_path: drivesim.training.CodexStage", "CodexStage"),
        ("widths", "widhts", "widhts"),
        ("max_steps: 2", "max_stpes: 2", "max_stpes"),
        ("max_steps: 2", "max_steps: many", "many"),
        ("class_path: drivesim.training.CodecStage, ", "", "stages.codec.model needs class_path"),
        ("  codec:", "  codec: [", "not readable as YAML"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        _build(GOOD.replace(old, new, 1), tmp_path)
    assert message in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_an_unknown_recipe_is_answered_with_those_there_are() -> None:
    with pytest.raises(InputError, match="Did you mean 'smoke'"):
        find_recipe("smok")


def test_a_recipe_that_contradicts_its_initial_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"default/codec does not have the sizes of the recipe \(widths"):
        _build(GOOD.replace("recipe: mine", "recipe: mine\ninitial: default"), tmp_path)


def test_a_part_that_is_not_trained_yet_is_named(tmp_path: Path) -> None:
    recipe = read_recipe("smoke")
    with pytest.raises(InputError, match="this stage needs the part 'image'; train that stage first"):
        build_stage(recipe.stage_config("video", tmp_path, None), [])
