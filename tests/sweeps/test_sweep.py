"""Sweeps with real processes, some of them really killed: whatever happens, the videos are those of one process alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from forked_workers import ForkedWorker
from tiny_video_ldm import save_toy
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.errors import InputError, ModelError
from drivesim.options import Options, Threads
from drivesim.runs.rows import FutureRow, Making, read_rows
from drivesim.scenarios.suite import Suite, load_suite
from drivesim.sweeps.plan import Sweep
from drivesim.sweeps.run import SweepNews, kept_rows, run_sweep
from drivesim.sweeps.task import FutureTask, SweepSettings, TaskFault, TaskReply, answer, make_future, read_reply
from drivesim.sweeps.workers import LocalWorkers

pytestmark = pytest.mark.usefixtures("own_cache")

SUITE = """\
drivesim: 1
defaults: {video: {duration: 1 s}, sampling: {seed: 5, variations: 2, futures: 2}}
scenarios:
  - id: follow
    vary: {gap: {grid: [18 m]}}
    sampling: {method: grid}
    scene:
      road: {type: rural, lanes: 1}
      ego: {speed: 15 m/s}
      traffic: none
      actors: [{id: lead, class: car, lane: ego, gap: $gap, speed: 12 m/s}]
  - {id: wet, scene: {environment: {precipitation: rain}, road: {type: rural, lanes: 1}, traffic: none}}
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SweepSettings:
    toy = save_toy(tmp_path_factory.mktemp("models") / "toy", steps=1)
    threads = Threads(denoise=1, decode=1, overlap=False)
    return SweepSettings(model=str(toy), seconds=0.2, measured=False, options=Options(threads=threads))


@pytest.fixture(scope="module")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suites") / "two.yaml"
    path.write_text(SUITE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def reference(
    tmp_path_factory: pytest.TempPathFactory, suite_file: Path, settings: SweepSettings
) -> dict[str, FutureRow]:
    """Every future made by this process alone, one after the other."""
    folder = tmp_path_factory.mktemp("reference")
    sweep = Sweep(suite=load_suite(suite_file), settings=settings, folder=folder)
    return {task.id: make_future(task) for task in sweep.tasks()}


def what_it_is(row: FutureRow) -> FutureRow:
    """The row without how it came about: equal wherever and however often it was made."""
    return replace(row, made=Making())


def equal_rows(found: list[FutureRow], wanted: dict[str, FutureRow]) -> bool:
    return {row.id: what_it_is(row) for row in found} == {key: what_it_is(row) for key, row in wanted.items()}


def test_two_workers_one_of_them_killed_make_what_one_process_makes(
    tmp_path: Path,
    suite_file: Path,
    settings: SweepSettings,
    reference: dict[str, FutureRow],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweep = Sweep(suite=load_suite(suite_file), settings=settings, folder=tmp_path / "sweep")
    sweep.open_folder()
    tasks = sweep.tasks()
    monkeypatch.setattr("drivesim.sweeps.workers._started", ForkedWorker)
    heard: list[SweepNews] = []
    with LocalWorkers(2, tmp_path / "logs") as workers:

        def kill_one() -> None:
            while not list(sweep.folder.glob("runs/*/v000/futures/*/lock")):
                time.sleep(0.002)
            os.kill(workers.pids[0], signal.SIGKILL)

        threading.Thread(target=kill_one, daemon=True).start()
        rows = run_sweep(sweep, tasks, {}, workers, hear=heard.append)
        pids = workers.pids
    lost = [news for news in heard if news.what == "again"]
    assert len(lost) == 1 and "was killed by SIGKILL" in lost[0].text
    assert [row.made.attempts for row in rows if row.id == lost[0].task.id] == [2]
    assert equal_rows(rows, reference)
    assert read_rows(sweep.folder) == rows
    assert len(pids) == 2 and not any(is_alive(pid) for pid in pids), "all workers end with the sweep"
    check_going_on(sweep, tasks, rows)


def check_going_on(sweep: Sweep, tasks: list[FutureTask], rows: list[FutureRow]) -> None:
    """Nothing is made again; a video that is gone is missed, one that was changed is said."""
    kept = kept_rows(tasks, "")
    assert all(row.made.found for row in kept.values())
    assert [what_it_is(kept[row.id]) for row in rows] == [what_it_is(row) for row in rows]
    (sweep.folder / rows[0].video).unlink()
    changed = sweep.folder / rows[1].video
    changed.write_bytes(changed.read_bytes()[:-1])
    after = kept_rows(tasks, "")
    assert rows[0].id not in after and after[rows[1].id].status == "failed"
    assert "is not what this run wrote" in after[rows[1].id].error and len(after) == len(rows) - 1
    with pytest.raises(
        InputError, match=r"holds another sweep. settings.seconds: it has 0.2, this command asks for 0.3"
    ):
        replace(sweep, settings=replace(sweep.settings, seconds=0.3)).open_folder()
    replace(sweep, num_futures=9).open_folder()  # more futures of the same are no other sweep


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_command_is_stopped_and_goes_on(
    tmp_path: Path, suite_file: Path, settings: SweepSettings, reference: dict[str, FutureRow]
) -> None:
    out = tmp_path / "sweep"
    arguments = [
        "sweep", suite_file, "--out", out, "--model", settings.model, "--seconds", "0.2", "--threads", "1", "--no-score",
        "--jobs", "1",
    ]  # fmt: skip
    command = [sys.executable, "-m", "drivesim", *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240.0
    while not list(out.glob("rows/*/*.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "together 4 futures, 8 frames; " in said and "Traceback" not in said
    assert "of 4 futures; " in said and f"Go on with: drivesim sweep {suite_file}" in said
    done = len(list(out.glob("rows/*/*.json")))
    assert 1 <= done < 4
    sweep = Sweep(suite=load_suite(suite_file), settings=settings, folder=out)
    kept = kept_rows(sweep.tasks(), "")
    assert len(kept) == done
    rows = run_sweep(sweep, sweep.tasks(), kept, InThisProcess())
    assert equal_rows(rows, reference) and sum(row.made.found for row in rows) >= done
    result = drivesim(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert "4 of 4 futures are there already, checked and kept." in result.stderr
    outcome = json.loads(result.stdout)
    assert outcome["finished"] == outcome["kept"] == 4 and outcome["failed"] == 0
    for name in ("report.html", "report.json", "summary.json", "junit.xml", "suite.yaml"):
        assert (out / name).is_file()
    assert (out / "junit.xml").read_text().count("<testcase") == 4
    assert load_suite(out / "suite.yaml").scenarios == load_suite(suite_file).scenarios


def drivesim(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_on_ray_with_a_killed_worker_too(
    tmp_path: Path, suite_file: Path, settings: SweepSettings, reference: dict[str, FutureRow]
) -> None:
    pytest.importorskip("ray")
    from drivesim.sweeps.on_ray import RayWorkers

    sweep = Sweep(suite=load_suite(suite_file), settings=settings, folder=tmp_path / "sweep")
    sweep.open_folder()
    begun = str(sweep.folder / "runs/follow/v000/futures/f01/lock")

    def dies_on_the_way(text: str) -> str:
        import os
        import signal
        import threading
        import time

        from drivesim.sweeps.task import answer

        def kill_when_begun() -> None:
            while not os.path.exists(begun):
                time.sleep(0.002)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=kill_when_begun, daemon=True).start()
        return answer(text)

    heard: list[SweepNews] = []
    with RayWorkers("local", cpus=1) as workers:
        whole = workers.remote_answer
        dying = workers.ray.remote(num_cpus=1, max_retries=0)(dies_on_the_way)

        class DyingOnce:
            """Gives the task of one future to a function that kills its worker, once."""

            def __init__(self) -> None:
                self.used = False

            def remote(self, text: str) -> object:
                if '"future": 1' in text and '"scenario": "follow"' in text and not self.used:
                    self.used = True
                    return dying.remote(text)
                return whole.remote(text)

        workers.remote_answer = DyingOnce()
        rows = run_sweep(sweep, sweep.tasks(), {}, workers, hear=heard.append)
    assert [news.task.id for news in heard if news.what == "again"] == ["follow/v000/f01"]
    assert equal_rows(rows, reference)


class InThisProcess:
    """Does each task here, one after the other."""

    def __init__(self) -> None:
        self.queue = list[FutureTask]()

    def __enter__(self) -> InThisProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def num_running(self) -> int:
        return len(self.queue)

    @property
    def has_room(self) -> bool:
        return not self.queue

    def begin(self, task: FutureTask) -> None:
        self.queue.append(task)

    def next_done(self) -> tuple[FutureTask, TaskReply]:
        task = self.queue.pop()
        return task, self.answer(task)

    def answer(self, task: FutureTask) -> TaskReply:
        return read_reply(answer(task.to_json()))


class Replies(InThisProcess):
    """Answers what it is told to, at once."""

    def __init__(self, replies: dict[str, list[TaskReply]]) -> None:
        super().__init__()
        self.replies = replies

    def answer(self, task: FutureTask) -> TaskReply:
        return self.replies[task.id].pop(0)


def made(task: FutureTask) -> TaskReply:
    row = FutureRow(
        id=task.id,
        scenario=task.scenario,
        variation=task.variation,
        future=task.future,
        status="finished",
        run=task.run,
    )
    return TaskReply(row=row)


def failed(kind: str, text: str = "why") -> TaskReply:
    return TaskReply(fault=TaskFault(text=text, kind=kind))


def small_sweep(folder: Path, num_futures: int = 2) -> tuple[Sweep, list[FutureTask]]:
    sweep = Sweep(suite=load_suite("empty-road"), settings=SweepSettings(), folder=folder, num_futures=num_futures)
    return sweep, sweep.tasks()


def test_what_may_do_better_is_tried_again_and_what_may_not_is_not(tmp_path: Path) -> None:
    sweep, (first, second) = small_sweep(tmp_path)
    replies = {
        first.id: [failed("lost"), failed("fault"), made(first)],
        second.id: [failed("input", "no such picture"), made(second)],
    }
    rows = run_sweep(sweep, [first, second], {}, Replies(replies), retries=2)
    assert [(row.status, row.made.attempts) for row in rows] == [("finished", 3), ("failed", 1)]
    assert rows[1].error == "no such picture" and second.row_path.is_file()
    spent = run_sweep(sweep, [first], {}, Replies({first.id: [failed("lost", "gone")] * 3}), retries=2)
    assert [(row.status, row.made.attempts, row.error) for row in spent] == [("failed", 3, "gone")]


def test_a_model_that_cannot_be_used_ends_the_sweep_and_so_do_ten_failures_in_a_row(tmp_path: Path) -> None:
    sweep, tasks = small_sweep(tmp_path, 12)
    with pytest.raises(ModelError, match="no such folder"):
        run_sweep(sweep, tasks, {}, Replies({tasks[0].id: [failed("model", "no such folder")]}))
    with pytest.raises(InputError, match="10 futures in a row could not be made, and none could; the last: full"):
        run_sweep(sweep, tasks, {}, Replies({task.id: [failed("input", "full")] for task in tasks}))
    replies = {task.id: [failed("input", "full")] for task in tasks[1:]} | {tasks[0].id: [made(tasks[0])]}
    assert sum(row.status == "failed" for row in run_sweep(sweep, tasks, {}, Replies(replies))) == 11


def test_first_futures_of_all_cases_come_first(tmp_path: Path) -> None:
    suite = Suite(name="two", scenarios=(*load_suite("empty-road").scenarios, *load_suite("rain-merge").scenarios))
    tasks = Sweep(suite=suite, settings=SweepSettings(), folder=tmp_path, num_futures=2).tasks()
    assert [task.id for task in tasks[:3]] == ["empty-road/v000/f00", "rain-merge/v000/f00", "rain-merge/v001/f00"]
    assert tasks[7].id == "empty-road/v000/f01" and len(tasks) == 14


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["no-such-suite"], 2, "there is no scenario file and no library scenario 'no-such-suite'"),
        (["empty-road", "--jobs", "2", "--ray", "auto"], 2, "--jobs with --ray: Ray places as many"),
        (["empty-road", "--judges", "x", "--no-score"], 2, "--judges with --no-score: nobody looks"),
        (["empty-road", "--seconds", "-3"], 2, "--seconds -3: expected a time"),
        (["empty-road", "--model", "nothing"], 4, "nothing"),
        (["empty-road", "--threads", "none"], 2, "--threads none: expected"),
        (["{full}"], 2, "holds no scenario files"),
        (["empty-road", "--out", "{full}"], 2, "is not empty and holds no sweep"),
    ],
)
def test_wrong_commands_end_in_one_line(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    given = [text.format(full=full) for text in arguments]
    result = drivesim("sweep", *given, *([] if "--out" in given else ["--out", tmp_path / "out"]))
    assert result.exit_code == code, result.output
    assert message in result.stderr and result.stderr.count("error:") == 1


def test_without_ray_the_line_that_installs_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = drivesim("sweep", "empty-road", "--out", tmp_path / "sweep", "--ray", "auto")
    assert result.exit_code == 4
    assert 'Run: pip install "drivesim[ray]"' in result.stderr
