"""The Ray engine: one actor per worker. The only file of the data path that imports Ray.

Ray's own retries are off: it cannot bound them and lose nothing at once. A dead actor is replaced, and its
job goes back to the driver as a failure. A local Ray listens on loopback only and starts when the first
unit is sent, so a run with nothing to do starts none.
"""

import logging
import os
import threading
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
from pipelines.engine.unit import Answer, Failure, Job, StagedPart, Task, end

LOOPBACK = "127.0.0.1"
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_DEDUP_LOGS": "0",
}


OVERLAP = 16  # the most units that a worker has in hand at once, and only of tasks that wish for it


class _Worker:
    """Lives in the actor's process, and does one task after the other."""

    def __init__(self) -> None:
        self.key: str | None = None
        self.task: Task | None = None
        self.opening = threading.Lock()

    def do(self, key: str, task: Task, folder: Folder, job: Job) -> list[StagedPart] | Failure:
        with self.opening:
            if key != self.key or self.task is None:
                end(self.task)
                self.key, self.task = None, None  # the last task's models go before the next one's come
                try:
                    task.open()
                except CurateError as error:
                    return Failure(str(error), error)
                self.key, self.task = key, task
            task = self.task
        return attempt(task, job, folder)

    def rest(self, key: str) -> None:
        """Let go of the task, if it is still that one."""
        with self.opening:
            if key == self.key:
                end(self.task)
                self.key, self.task = None, None


class _Keeper:
    """Lives in an actor of its own: what all workers share."""

    def __init__(self, kept: object) -> None:
        self.kept = kept

    def ask(self, method: str, arguments: tuple[Any, ...]) -> Any:
        return getattr(self.kept, method)(*arguments)


@dataclass(frozen=True)
class RayShared:
    actor: Any

    async def ask(self, method: str, *arguments: Any) -> Any:
        from ray.exceptions import RayError

        try:
            return await self.actor.ask.remote(method, arguments)
        except RayError as error:
            raise ConnectionError(f"what all workers share is out of reach: {type(error).__name__}") from error


@dataclass
class RayCrew:
    """Borrows the engine's workers, up to `size`, and gives them back."""

    engine: "RayEngine"
    key: str
    task: Any  # an object reference
    folder: Folder
    size: int
    gpus: float
    cores: int  # of one worker
    overlap: int
    _load: dict[Any, int] = field(default_factory=dict)  # actor -> units in its hands
    _busy: dict[Any, tuple[Any, Job]] = field(default_factory=dict)  # result ref -> actor, job

    @property
    def _plain(self) -> bool:
        """Its workers are like those of any other task."""
        return not self.gpus and self.cores == 1

    def idle(self) -> int:
        return self.size * self.overlap - len(self._busy)

    def send(self, job: Job) -> None:
        actor = min(self._load, key=lambda one: self._load[one], default=None)
        if job.alone:
            actor = self._alone()
        elif actor is None or (self._load[actor] and len(self._load) < self.size):
            actor = self._hire()
        self._load[actor] = self._load.get(actor, 0) + 1
        self._busy[actor.do.remote(self.key, self.task, self.folder, job)] = (actor, job)

    def _hire(self) -> Any:
        if self.engine.spare and self._plain:
            return self.engine.spare.pop()
        options = {"max_restarts": 0, "max_task_retries": 0, "num_cpus": self.cores, "num_gpus": self.gpus}
        return self.engine.ray().remote(max_concurrency=OVERLAP, **options)(_Worker).remote()

    def _alone(self) -> Any:
        """A worker for one job. It needs no core of its own: those that were granted stay with the others."""
        options = {"max_restarts": 0, "max_task_retries": 0, "num_cpus": 0, "num_gpus": 0}
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
                if actor in self._load:  # another of its jobs may have ended it since
                    self._load[actor] -= 1
            except ray.exceptions.RayError as error:
                ray.kill(actor, no_restart=True)
                self._load.pop(actor, None)
                # Its other jobs' ends may come to light later, one by one: only who was alone is to blame for certain.
                shared = self.overlap > 1 and not job.alone
                result = Failure(f"the worker died: {type(error).__name__}", shared=shared)
            if job.alone:
                self._load.pop(actor, None)
                ray.kill(actor, no_restart=True)
            answers.append(Answer(job, result))
        return answers

    def kill(self) -> None:
        for actor, _ in self._busy.values():
            self.engine.ray().kill(actor, no_restart=True)

    def close(self) -> None:
        self.kill()
        idle = [actor for actor, load in self._load.items() if not load]
        for actor in idle:
            if self._plain:
                actor.rest.remote(self.key)
                self.engine.spare.append(actor)
            else:
                self.engine.ray().kill(actor, no_restart=True)
        self._load, self._busy = {}, {}


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
        cores = 1 if devices else int(getattr(task, "cores", 1))
        size = devices or self.workers or max(1, int(resources.get("CPU", 1)) // cores)
        self._tasks += 1
        if devices or cores > 1:
            self.release()  # idle workers of earlier stages hold the cores that new ones need
        overlap = min(OVERLAP, int(getattr(task, "overlap", 1)))
        reference = self.ray().put(task)
        return RayCrew(self, str(self._tasks), reference, folder, size, 1.0 if devices else 0.0, cores, overlap)

    def share(self, kept: object) -> RayShared:
        return RayShared(self.ray().remote(num_cpus=0, max_restarts=-1)(_Keeper).remote(kept))

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
