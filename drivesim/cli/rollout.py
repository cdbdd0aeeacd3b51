"""``drivesim rollout``: from a scenario to seconds or minutes of video."""

from __future__ import annotations

from drivesim.cli import options as given
from drivesim.options import Options


def rollout(
    scenario: given.ScenarioName,
    options: Options,
    chosen: given.Chosen,
    machine: given.Machine,
    computing: given.Computing,
    keeping: given.Keeping,
    speech: given.Speech,
    minutes: given.Minutes = None,
    seconds: given.Seconds = None,
    seed: given.Seed = None,
    futures: given.Futures = 1,
    start: given.StartPicture = None,
    ego_plan: given.EgoPlanFile = None,
    frames_per_call: given.FramesPerCall = None,
) -> None:
    """Continue the first picture of a scenario into seconds or minutes of video, chunk by chunk, stored as it goes.

    The plan (frames, time, disk) is printed first. The run folder holds f00.mp4, a manifest with every seed and hash,
    the tracks, and the states from which 'drivesim futures --from' branches.

    \b
    Examples:
      drivesim rollout highway-cut-in --seconds 10
      drivesim rollout empty-road --start photo.jpg --seconds 10
      drivesim rollout my.yaml --seconds 20 --ego-plan drive.csv
      drivesim rollout my.yaml --minutes 5 --seed 7 --out runs/mine
      drivesim rollout my.yaml --minutes 5 --seed 7 --out runs/mine --resume
    """
    from drivesim.cli import making

    voice = speech.voice()
    length_s = making.length_of(minutes, seconds)
    options = computing.applied(options)
    scenarios = making.driven_by(ego_plan, making.chosen_scenarios(scenario, chosen, voice))
    scenarios = making.starting_from(start, scenarios)
    loaded = machine.load(computing.steps, frames_per_call=frames_per_call, mode=computing.mode)
    jobs = making.scenario_jobs(
        loaded, scenarios, chosen.variation, length_s=length_s, seed=seed, options=options,
        out=keeping.out, indices=range(futures), several=futures > 1,
    )  # fmt: skip
    for job, made in making.make_all(jobs, resume=keeping.resume, dry_run=keeping.dry_run, voice=voice):
        making.report(job, made, voice, sheet=len(made) > 1)
