"""Training under Ray Train: several jobs at once with a worker each, or each job in turn with several.

The group of workers is started once for all jobs. `fit` blocks, so it has a thread of its own while the driver
looks at a desk, an actor, at which the workers take jobs, tell how far they are and hand in what they trained.
Ray Train's own retries are off: a dead worker ends its group, the driver counts whose failure it was, and the jobs
that are left go on from their last states in a new group.
"""

import os
import posixpath
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from curate.errors import CurateError, MachineError, QuarantineError
from model_training.trainers.plan import STATE, Job, Progress, Trained
from pipelines.engine.stop import Stop

if TYPE_CHECKING:
    from pipelines.engine.ray import RayEngine

TRIES = 3
TICK = 0.2  # seconds between looks at the desk
STALL = 1800.0  # seconds without a word from any worker, after which all are ended
STOPPING = 60.0  # seconds that workers get to save their states
LEAVING = 15.0  # seconds that the group gets to free its cores after an error
ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # paths in jobs may be relative
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.3",  # it notices no sooner that workers are done
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "180",
}

OnProgress = Callable[[Progress], None]
OnDone = Callable[[Trained], None]


def fit(
    engine: "RayEngine",
    jobs: Sequence[Job],
    *,
    workers: int,
    stop: Stop,
    on_progress: OnProgress,
    on_done: OnDone,
) -> None:
    """As `Engine.fit`."""
    waiting = {job.name: job for job in jobs}
    failures: Counter[str] = Counter()

    def done(trained: Trained) -> None:
        del waiting[trained.job]
        on_done(trained)

    while waiting:
        stop.check()
        for name, what in _Group(engine, list(waiting.values()), workers).run(stop, on_progress, done).items():
            failures[name] += 1
            if failures[name] >= TRIES:
                raise _given_up(waiting[name], what)


def _given_up(job: Job, what: str) -> QuarantineError:
    state = job.folder.url(posixpath.join(job.under, STATE))
    return QuarantineError(
        f"training of {job.name} failed {TRIES} times: {what}",
        f"mend the cause, then run the same command again: it goes on from the last state in {state}",
    )


@dataclass
class _Group:
    """One group of Ray Train workers, until all jobs are trained or one of the workers fails."""

    engine: "RayEngine"
    jobs: list[Job]
    workers: int

    def run(self, stop: Stop, on_progress: OnProgress, on_done: OnDone) -> dict[str, str]:
        """The names of jobs that failed, and how. Raises Interrupted, or the error that is the user's to mend."""
        self.engine.release()  # idle data workers hold the cores that these need
        ray = self.engine.ray()
        os.environ.update({k: v for k, v in ENVIRONMENT.items() if k not in os.environ})
        desk = ray.remote(num_cpus=0, max_restarts=0)(_Desk).remote(len(self.jobs))
        with tempfile.TemporaryDirectory(prefix="curate-ray-train-", ignore_cleanup_errors=True) as storage:
            fitting = _Fitting(self._trainer(ray, desk, storage))
            try:
                fitting.start()
                news = self._watch(ray, desk, fitting, stop, on_progress, on_done)
            finally:
                ray.kill(desk)  # ends workers that are still at it: the next thing they ask it fails
                fitting.join(LEAVING)
        stop.check()
        return _blame(ray, fitting.error, {rank: self.jobs[number].name for rank, number in news.running.items()})

    def _watch(
        self, ray: Any, desk: Any, fitting: "_Fitting", stop: Stop, on_progress: OnProgress, on_done: OnDone
    ) -> "_News":
        heard, asked = time.monotonic(), 0.0
        while True:
            over = not fitting.is_alive()
            news: _News = ray.get(desk.news.remote())
            for progress in news.progress:
                on_progress(progress)
            for trained in news.trained:
                on_done(trained)
            if news.fatal is not None:
                raise news.fatal
            now = time.monotonic()
            if over or (asked and now - asked > STOPPING):
                return news
            if news.spoken:
                heard = now
            if now - heard > STALL:
                for worker in ray.get(desk.workers.remote()):
                    ray.kill(worker, no_restart=True)
                heard = now
            if stop.signum is not None and not asked:
                desk.stop.remote()
                asked = now
            fitting.join(TICK)

    def _trainer(self, ray: Any, desk: Any, storage: str) -> Any:
        from ray.train.backend import BackendConfig
        from ray.train.torch import TorchConfig
        from ray.train.v2.api.config import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
        from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

        resources = ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), max(1, int(resources.get("CPU", 1)))
        threads = min(cpus, max(job.plan.threads for job in self.jobs))
        room = gpus or max(1, min(self.engine.workers or cpus, cpus) // threads)
        if self.workers > 1 and self.workers > room:
            raise MachineError(
                f"{self.workers} workers for training, and there is room for {room}",
                f"set train.workers to {room} or fewer, or engine.address to a larger cluster",
            )
        local, together, plain = self.engine.address == "local", self.workers > 1, BackendConfig()
        meeting = posixpath.join(storage, "meeting") if local and together and not gpus else None
        run: Any = RunConfig(
            name="fit",
            storage_path=storage,
            failure_config=FailureConfig(max_failures=0, controller_failure_limit=1),
            logging_config=LoggingConfig(log_level="CRITICAL"),
            worker_runtime_env={"env_vars": {"GLOO_SOCKET_IFNAME": "lo"}} if local and together else None,
        )
        return DataParallelTrainer(
            _work,
            train_loop_config={"desk": desk, "jobs": self.jobs, "together": together, "meeting": meeting},
            # Jobs with a worker each have nothing to say to each other: they need no process group.
            backend_config=TorchConfig(backend="nccl" if gpus else "gloo") if together and not meeting else plain,
            scaling_config=ScalingConfig(
                num_workers=self.workers if together else min(len(self.jobs), room),
                use_gpu=bool(gpus),
                resources_per_worker={"CPU": 1 if gpus else threads, **({"GPU": 1} if gpus else {})},
            ),
            run_config=run,
        )


class _Fitting(threading.Thread):
    """Ray Train's blocking call. A daemon: the process can end although the call does not."""

    def __init__(self, trainer: Any) -> None:
        super().__init__(daemon=True, name="ray-train")
        self._trainer = trainer
        self.error: Exception | None = None

    def run(self) -> None:
        from ray.exceptions import RayError
        from ray.train import TrainingFailedError

        try:
            self._trainer.fit()
        except (TrainingFailedError, RayError) as error:
            self.error = error


def _blame(ray: Any, error: Exception | None, running: dict[int, str]) -> dict[str, str]:
    """Which jobs a failure is counted against: those of the workers that failed; else all that were running."""
    if error is None:
        return {}
    told: dict[int, Exception] = getattr(error, "worker_failures", {})
    blamed = {running[rank]: _last_line(told[rank]) for rank in told if rank in running}
    blamed = blamed or {name: _last_line(error) for name in running.values()}
    if not blamed:
        raise MachineError(f"Ray Train cannot run its workers: {_last_line(error)}", "curate doctor") from error
    return blamed


def _last_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or 'no reason told').splitlines()[-1].strip()}"


# -- in other processes ------------------------------------------------------------------------------------
@dataclass
class _News:
    """What the desk was told since it was last asked, and who is at what: rank -> number of a job."""

    progress: list[Progress] = field(default_factory=list)
    trained: list[Trained] = field(default_factory=list)
    running: dict[int, int] = field(default_factory=dict)
    fatal: CurateError | None = None
    spoken: bool = False


class _Desk:
    """The actor between the driver and the workers."""

    def __init__(self, jobs: int) -> None:
        self._left = list(range(jobs))
        self._stopped = False
        self._workers: dict[int, Any] = {}
        self._news = _News()

    def arrive(self, rank: int, worker: Any) -> None:
        self._workers[rank] = worker[0]
        self._news.spoken = True

    def take(self, rank: int) -> int | None:
        """The number of the next job for a worker; None when there is none, or all shall stop."""
        self._news.spoken = True
        self._news.running.pop(rank, None)
        if self._stopped or not self._left:
            return None
        self._news.running[rank] = self._left.pop(0)
        return self._news.running[rank]

    def begin(self, rank: int, number: int) -> None:
        """All workers are at this job together."""
        self._news.spoken = True
        self._news.running[rank] = number

    def progress(self, progress: Progress) -> None:
        self._news.progress.append(progress)
        self._news.spoken = True

    def trained(self, rank: int, trained: Trained) -> None:
        self._news.running.pop(rank, None)
        self._news.trained.append(trained)
        self._news.spoken = True

    def fatal(self, error: CurateError) -> None:
        self._news.fatal = error

    def stop(self) -> None:
        self._stopped = True

    def stopped(self) -> bool:
        return self._stopped

    def workers(self) -> list[Any]:
        return list(self._workers.values())

    def news(self) -> _News:
        told = self._news
        self._news = _News(running=dict(told.running))
        return told


def _work(config: dict[str, Any]) -> None:
    """A worker's whole life: trains what the desk gives it, or every job together with the others."""
    import ray
    import ray.train

    from model_training.trainers.group import met
    from model_training.trainers.loop import train

    context = ray.train.get_context()
    rank, size = context.get_world_rank(), context.get_world_size()
    desk, jobs, together = config["desk"], config["jobs"], config["together"]
    ray.get(desk.arrive.remote(rank, [ray.get_runtime_context().current_actor]))
    asked = [0.0, False]

    def stopped() -> bool:
        if time.monotonic() - asked[0] > TICK:
            asked[:] = time.monotonic(), ray.get(desk.stopped.remote())
        return bool(asked[1])

    def work() -> None:
        turns = iter(range(len(jobs))) if together else iter(lambda: ray.get(desk.take.remote(rank)), None)
        for number in turns:
            if together:
                ray.get(desk.begin.remote(rank, number))
            first = rank == 0 or not together
            try:
                trained = train(
                    jobs[number],
                    rank=rank if together else 0,
                    workers=size if together else 1,
                    report=desk.progress.remote if first else None,
                    stopped=stopped if first else None,
                )
            except CurateError as error:
                ray.get(desk.fatal.remote(error))
                raise
            if trained is None:
                return
            if first:
                ray.get(desk.trained.remote(rank, trained))

    with met(config["meeting"], rank, size) if config["meeting"] else nullcontext():
        work()
