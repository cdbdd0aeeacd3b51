"""A drive kept as a run: one future whose scenario holds what was driven, so that whatever repeats runs repeats it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from drivesim.closed_loop.loop import ClosedLoop, LoopStep
from drivesim.runs.recorder import Recorder, finish_future
from drivesim.runs.run import require_room
from drivesim.runs.run_folder import FutureFolder, RunFolder, frame_sha256, future_name, write_png
from drivesim.runs.tracks import write_tracks
from drivesim.scenarios import Scenario
from drivesim.storage import sha256_of, write_atomic

#: What the planner did, beside the run's own files.
DRIVE_NAME = "drive.json"


class DriveRecording:
    """Stores a closed loop while it runs, in a folder beside ``folder`` that takes its name once it is whole.

    Raises InputError where ``folder`` holds something already.
    """

    def __init__(self, folder: Path, scenario: Scenario, loop: ClosedLoop) -> None:
        require_room(RunFolder(folder), resume=False)
        self.folder, self._scenario, self._loop = folder, scenario, loop
        self._partial = folder.with_name(folder.name + ".part")
        if self._partial.exists():
            shutil.rmtree(self._partial)
        self._timeline = loop.decided.manifest.timeline
        path = self._partial / "futures" / future_name(0)
        self._kept = FutureFolder(path, self._timeline)
        self._recorder = Recorder(self._kept, loop.decided.manifest, loop.start_picture)

    def record(self, step: LoopStep, *, is_last: bool) -> None:
        """Append a step; ``is_last`` where the drive ends with it, which it may only where a state is kept."""
        if is_last:
            shown = min(1 + self._loop.chunks * self._loop.chunk_frames, self._timeline.num_frames)
            self._kept.timeline = self._timeline = dataclasses.replace(self._timeline, num_frames=shown)
        self._recorder.record(step.decoded)

    def may_end(self) -> bool:
        """Whether the next step could be the last of a whole run."""
        return self._timeline.keeps_state(self._loop.chunks + 1)

    def finish(self, drive: dict[str, Any]) -> Path:
        """Write what makes it a run, with ``drive`` as drive.json, and give it its name."""
        loop, decided = self._loop, self._loop.decided
        run = RunFolder(self._partial)
        written = decided.manifest.scene_frames / decided.manifest.fps
        text = self._scenario.ego(plan=loop.driven).video(duration=written).to_yaml()
        write_atomic(run.scenario_path, text)
        write_png(run.start_frame_path, loop.start_picture)
        write_atomic(self._partial / DRIVE_NAME, json.dumps(drive, indent=1) + "\n")
        manifest = decided.manifest
        write_tracks(
            run.shared_tracks_path, loop.scene, start=0, stop=self._timeline.num_frames,
            actors=manifest.actors, ego=manifest.ego, told_start=decided.told_at_start,
        )  # fmt: skip
        beside = (run.shared_tracks_path, run.start_frame_path, self._partial / DRIVE_NAME)
        manifest = dataclasses.replace(
            manifest,
            timeline=self._timeline,
            scenario_sha256=sha256_of(text.encode()),
            start_frame_sha256=frame_sha256(loop.start_picture),
            files={path.name: sha256_of(path) for path in beside},
        )
        write_atomic(run.manifest_path, manifest.to_json())
        finish_future(run, manifest, 0)
        if self.folder.exists():  # empty, as it was found
            self.folder.rmdir()
        self._partial.rename(self.folder)
        return self.folder
