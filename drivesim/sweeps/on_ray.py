"""The tasks of a sweep on a Ray cluster: Ray places them, moves them off lost machines' queues and counts processors."""

from __future__ import annotations

import importlib
from types import TracebackType
from typing import Any, Self

from drivesim.errors import InputError, MissingPackageError
from drivesim.sweeps.task import FutureTask, TaskFault, TaskReply, answer, read_reply

#: Tasks that Ray is given ahead; more would only make its own bookkeeping slower.
_AHEAD = 1000


def load_ray() -> Any:
    """The package. Raises MissingPackageError with the line that installs it."""
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingPackageError(
            f'--ray needs ray, which is not installed ({error}). Run: pip install "drivesim[ray]"'
        ) from error


class RayWorkers:
    """Tasks on the cluster at ``address`` ("auto": the one this machine belongs to, "local": one of this machine's own).

    ``cpus`` and ``gpus`` are what Ray sets aside for one future. Raises MissingPackageError with the line that installs Ray,
    InputError where there is no cluster.
    """

    def __init__(self, address: str, *, cpus: float, gpus: float = 0.0) -> None:
        self.ray = load_ray()
        own = {} if address != "local" else {"include_dashboard": False}
        try:
            self.ray.init(address=None if address == "local" else address, log_to_driver=False, **own)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(
                f"--ray {address}: there is no Ray cluster ({error}). Start one ('ray start --head'), or use --ray local."
            ) from error
        self.remote_answer: Any = self.ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(answer)
        self._running: dict[Any, FutureTask] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ray.shutdown()  # what still runs for this program ends with it

    @property
    def num_running(self) -> int:
        """Tasks that Ray holds."""
        return len(self._running)

    @property
    def has_room(self) -> bool:
        """Whether Ray is given one more ahead of time."""
        return len(self._running) < _AHEAD

    def begin(self, task: FutureTask) -> None:
        """Give a task to Ray."""
        self._running[self.remote_answer.remote(task.to_json())] = task

    def next_done(self) -> tuple[FutureTask, TaskReply]:
        """Wait for the next answer."""
        (first,), _ = self.ray.wait(list(self._running), num_returns=1)
        task = self._running.pop(first)
        try:
            return task, read_reply(self.ray.get(first))
        except self.ray.exceptions.RayError as error:
            said = str(error).strip().splitlines()[0]
            return task, TaskReply(fault=TaskFault(text=f"its worker was lost: {said}", kind="lost"))
