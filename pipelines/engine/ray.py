"""The Ray engine: one actor per worker. The only file of the data path that imports Ray.

Ray's own retries are off: it cannot bound them and lose nothing at once. A dead actor is replaced, and its
job goes back to the driver as a failure. A local Ray listens on loopback only and starts when the first
unit is sent, so a run with nothing to do starts none.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from curate.errors import CurateError, MachineError
from curate.files import Folder
from model_training.trainers.plan import Job as Training
from model_training.trainers.plan import Progress, Trained
from pipelines.engine import ray_train
from pipelines.engine.attempt import attempt
from pipelines.engine.stop import Stop
from pipelines.engine.unit import Answer, Failure, Job, StagedPart, Task

LOOPBACK = "127.0.0.1"
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_DEDUP_LOGS": "0",
}


class _Worker:
    """Lives in the actor's process, and does one task after the other."""

    def __init__(self) -> None:
        self.key: str | None = None
        self.task: Task | None = None

    def do(self, key: str, task: Task, folder: Folder, job: Job) -> list[StagedPart] | Failure:
        if key != self.key or self.task is None:
            self.key, self.task = None, None  # the last task's models go before the next one's come
            try:
                task.open()
            except CurateError as error:
                return Failure(str(error), error)
            self.key, self.task = key, task
        return attempt(self.task, job, folder)


@dataclass
class RayCrew:
    """Borrows the engine's workers, up to `size`, and gives them back. A limited task's workers end with it."""

    engine: "RayEngine"
    key: str
    task: Any  # an object reference
    folder: Folder
    size: int
    gpus: float
    limited: bool
    _idle: list[Any] = field(default_factory=list)
    _busy: dict[Any, tuple[Any, Job]] = field(default_factory=dict)  # result ref -> actor, job

    def idle(self) -> int:
        return self.size - len(self._busy)

    def send(self, job: Job) -> None:
        actor = self._idle.pop() if self._idle else self._hire()
        self._busy[actor.do.remote(self.key, self.task, self.folder, job)] = (actor, job)

    def _hire(self) -> Any:
        if self.engine.spare and not self.limited and not self.gpus:
            return self.engine.spare.pop()
        options = {"max_restarts": 0, "max_task_retries": 0, "num_cpus": 1, "num_gpus": self.gpus}
        return self.engine.ray().remote(**options)(_Worker).remote()

    def receive(self, timeout: float) -> list[Answer]:
        ray = self.engine.ray()
        if not self._busy:
            return []
        ray.wait(list(self._busy), num_returns=1, timeout=timeout)
        ready, _ = ray.wait(list(self._busy), num_returns=len(self._busy), timeout=0)
        answers = []
        for ref in ready:
            actor, job = self._busy.pop(ref)
            try:
                result = ray.get(ref)
                self._idle.append(actor)
            except ray.exceptions.RayError as error:
                ray.kill(actor, no_restart=True)
                result = Failure(f"the worker died: {type(error).__name__}")
            answers.append(Answer(job, result))
        return answers

    def kill(self) -> None:
        for actor, _ in self._busy.values():
            self.engine.ray().kill(actor, no_restart=True)

    def close(self) -> None:
        self.kill()
        if self.limited or self.gpus:
            for actor in self._idle:
                self.engine.ray().kill(actor, no_restart=True)
        else:
            self.engine.spare += self._idle
        self._idle, self._busy = [], {}


def _say_nothing(*lines: Any, **options: Any) -> None: ...


@dataclass
class RayEngine:
    address: str = "local"
    workers: int | None = None
    spare: list[Any] = field(default_factory=list)  # workers between two stages
    _started: bool = False
    _tasks: int = 0

    def ray(self) -> Any:
        """The ray module, connected."""
        os.environ.update({k: v for k, v in ENVIRONMENT.items() if k not in os.environ})
        import ray

        logging.getLogger("ray").setLevel(logging.ERROR)
        # Ray would tell of a dead worker on stdout, which is for results; the driver knows and tells itself.
        ray._private.worker.print_to_stdstream = _say_nothing

        if not self._started:
            if not ray.is_initialized():
                self._connect(ray)
            self._started = True
        return ray

    def _connect(self, ray: Any) -> None:
        quiet: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": logging.ERROR,
            "configure_logging": False,
            "include_dashboard": False,
        }
        try:
            if self.address == "local":
                # Ray replaces a loopback address by the machine's own, unless it is told that there
                # is no cluster; its servers would then listen on every interface.
                ray._private.ray_constants.ENABLE_RAY_CLUSTER = False
                os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
                cpus = self.workers or len(os.sched_getaffinity(0))
                ray.init(address="local", num_cpus=cpus, _node_ip_address=LOOPBACK, **quiet)
            else:
                quiet.pop("include_dashboard")
                ray.init(address=self.address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise MachineError(f"Ray does not start at {self.address}: {error}", "curate doctor") from error

    def crew(self, task: Task, folder: Folder, *, gpus: bool) -> RayCrew:
        resources = self.ray().cluster_resources()
        devices = int(resources.get("GPU", 0)) if gpus else 0
        size = devices or self.workers or max(1, int(resources.get("CPU", 1)))
        self._tasks += 1
        limited = bool(getattr(task, "limited", False))
        if devices or limited:
            self.release()  # idle workers of earlier stages hold the cores that new ones need
        reference = self.ray().put(task)
        return RayCrew(self, str(self._tasks), reference, folder, size, 1.0 if devices else 0.0, limited)

    def fit(
        self,
        jobs: Sequence[Training],
        *,
        workers: int,
        stop: Stop,
        on_progress: Callable[[Progress], None],
        on_done: Callable[[Trained], None],
    ) -> None:
        ray_train.fit(self, jobs, workers=workers, stop=stop, on_progress=on_progress, on_done=on_done)

    def release(self) -> None:
        """End the idle workers, so that their cores are free."""
        for actor in self.spare:
            self.ray().kill(actor, no_restart=True)
        self.spare = []

    def close(self) -> None:
        if self._started:
            import ray

            ray.shutdown()
            self.spare = []
            self._started = False
