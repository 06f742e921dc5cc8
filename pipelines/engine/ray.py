"""The Ray engine: one actor per worker. The only file of the data path that imports Ray.

Ray's own retries are off: it cannot bound them and lose nothing at once. A dead actor is replaced, and its
job goes back to the driver as a failure. A local Ray listens on loopback only and starts when the first
unit is sent, so a run with nothing to do starts none.
"""

import logging
import os
from dataclasses import dataclass, field
from typing import Any

from curate.errors import MachineError
from curate.files import Folder
from pipelines.engine.attempt import attempt
from pipelines.engine.unit import Answer, Failure, Job, StagedPart, Task

LOOPBACK = "127.0.0.1"
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_DEDUP_LOGS": "0",
}


class _Worker:
    """Lives in the actor's process."""

    def __init__(self, task: Task, folder_root: str) -> None:
        self.task, self.folder = task, Folder(folder_root)

    def open(self) -> Failure | None:
        from curate.errors import CurateError

        try:
            self.task.open()
        except CurateError as error:
            return Failure(str(error), error)
        return None

    def do(self, job: Job) -> list[StagedPart] | Failure:
        return attempt(self.task, job, self.folder)


@dataclass
class RayCrew:
    engine: "RayEngine"
    task: Task
    folder_root: str
    size: int
    gpus: float
    _idle: list[Any] = field(default_factory=list)
    _busy: dict[Any, tuple[Any, Job]] = field(default_factory=dict)  # result ref -> actor, job
    _hired: int = 0

    def idle(self) -> int:
        return len(self._idle) + self.size - self._hired

    def send(self, job: Job) -> None:
        actor = self._idle.pop() if self._idle else self._hire()
        self._busy[actor.do.remote(job)] = (actor, job)

    def _hire(self) -> Any:
        ray = self.engine.ray()
        self._hired += 1
        options = {"max_restarts": 0, "max_task_retries": 0, "num_cpus": 1, "num_gpus": self.gpus}
        actor = ray.remote(**options)(_Worker).remote(ray.put(self.task), self.folder_root)
        failure = actor.open.remote()
        self._opening[actor] = failure
        return actor

    _opening: dict[Any, Any] = field(default_factory=dict)

    def receive(self, timeout: float) -> list[Answer]:
        ray = self.engine.ray()
        if not self._busy:
            return []
        ready, _ = ray.wait(list(self._busy), num_returns=1, timeout=timeout)
        more, _ = ray.wait(list(self._busy), num_returns=len(self._busy), timeout=0)
        answers = []
        for ref in dict.fromkeys([*ready, *more]):
            actor, job = self._busy.pop(ref)
            answers.append(Answer(job, self._result(ref, actor)))
        return answers

    def _result(self, ref: Any, actor: Any) -> list[StagedPart] | Failure:
        ray = self.engine.ray()
        try:
            opened = self._opening.pop(actor, None)
            failure = ray.get(opened) if opened is not None else None
            if failure is not None:
                self._dismiss(actor)
                return failure
            result = ray.get(ref)
        except ray.exceptions.RayError as error:
            self._dismiss(actor)
            return Failure(f"the worker died: {type(error).__name__}")
        self._idle.append(actor)
        return result

    def _dismiss(self, actor: Any) -> None:
        self._hired -= 1
        self.engine.ray().kill(actor, no_restart=True)

    def kill(self) -> None:
        for actor, _ in self._busy.values():
            self.engine.ray().kill(actor, no_restart=True)

    def close(self) -> None:
        for actor in [*self._idle, *(actor for actor, _ in self._busy.values())]:
            self.engine.ray().kill(actor, no_restart=True)
        self._idle, self._busy, self._hired = [], {}, 0


@dataclass
class RayEngine:
    address: str = "local"
    workers: int | None = None
    _started: bool = False

    def ray(self) -> Any:
        """The ray module, connected."""
        os.environ.update({k: v for k, v in ENVIRONMENT.items() if k not in os.environ})
        import ray

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
                cpus = self.workers or len(os.sched_getaffinity(0))
                ray.init(address="local", num_cpus=cpus, _node_ip_address=LOOPBACK, **quiet)
            else:
                quiet.pop("include_dashboard")
                ray.init(address=self.address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise MachineError(f"Ray does not start at {self.address}: {error}", "curate doctor") from error

    def crew(self, task: Task, folder_root: str, *, gpus: bool) -> RayCrew:
        resources = self.ray().cluster_resources()
        devices = int(resources.get("GPU", 0)) if gpus else 0
        size = devices or self.workers or max(1, int(resources.get("CPU", 1)))
        return RayCrew(self, task, folder_root, size, 1.0 if devices else 0.0)

    def close(self) -> None:
        if self._started:
            import ray

            ray.shutdown()
            self._started = False
