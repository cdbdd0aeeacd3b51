"""``drivesim rollout``: from a scenario to seconds or minutes of video."""

from __future__ import annotations

from drivesim.cli import options as given


def rollout(
    scenario: given.ScenarioName,
    minutes: given.Minutes = None,
    seconds: given.Seconds = None,
    seed: given.Seed = None,
    futures: given.Futures = 1,
    actors: given.ActorChoice = None,
    ego: given.EgoChoice = None,
    map: given.MapChoice = None,
    scenery: given.SceneryChoice = None,
    start: given.StartPicture = None,
    only: given.Only = None,
    settings: given.Settings = None,
    variation: given.Variations = "0",
    out: given.Out = None,
    resume: given.Resume = False,
    lossless: given.Lossless = False,
    png_frames: given.PngFrames = False,
    model: given.Model = "default",
    device: given.Device = None,
    dtype: given.Dtype = None,
    steps: given.Steps = None,
    threads: given.ThreadCounts = None,
    dry_run: given.DryRun = False,
    as_json: given.AsJson = False,
    quiet: given.Quiet = False,
) -> None:
    """Continue the first picture of a scenario into seconds or minutes of video, chunk by chunk, stored as it goes.

    The plan (frames, time, disk) is printed first. The run folder holds f00.mp4, a manifest with every seed and hash,
    the tracks, and the states from which 'drivesim futures --from' branches.

    \b
    Examples:
      drivesim rollout highway-cut-in --seconds 10
      drivesim rollout empty-road --start photo.jpg --seconds 10
      drivesim rollout my.yaml --minutes 5 --seed 7 --out runs/mine
      drivesim rollout my.yaml --minutes 5 --seed 7 --out runs/mine --resume
    """
    from drivesim.cli import making
    from drivesim.cli.progress import Voice
    from drivesim.models import load_model

    voice = Voice(quiet=quiet, as_json=as_json)
    length_s = making.length_of(minutes, seconds)
    options = making.run_options(actors, ego, map, scenery, lossless, png_frames, threads)
    scenarios = making.starting_from(start, making.chosen_scenarios(scenario, only, settings or [], voice))
    loaded = load_model(model, device=device, dtype=dtype, steps=steps)
    jobs = making.scenario_jobs(
        loaded, scenarios, variation, length_s=length_s, seed=seed, options=options, out=out, indices=range(futures),
        several=futures > 1,
    )  # fmt: skip
    for job, made in making.make_all(jobs, resume=resume, dry_run=dry_run, voice=voice):
        making.report(job, made, voice, sheet=len(made) > 1)
