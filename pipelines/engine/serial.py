"""The serial engine: all in this process, in the order of the plan. What it gives is what Ray must give."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from curate.files import Folder
from model_training.trainers.plan import Job as Training
from model_training.trainers.plan import Progress, Trained
from pipelines.engine import serial_train
from pipelines.engine.attempt import attempt
from pipelines.engine.stop import Stop
from pipelines.engine.unit import Answer, Failure, Job, StagedPart, Task, end


@dataclass
class SerialCrew:
    task: Task
    folder: Folder
    _opened: bool = False
    _running: dict[Future[list[StagedPart] | Failure], Job] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._size = int(getattr(self.task, "overlap", 1))
        self._threads = ThreadPoolExecutor(self._size) if self._size > 1 else None

    def idle(self) -> int:
        return self._size - len(self._running)

    def send(self, job: Job) -> None:
        if not self._opened:
            self.task.open()
            self._opened = True
        if self._threads:
            self._running[self._threads.submit(attempt, self.task, job, self.folder)] = job
        else:
            done: Future[list[StagedPart] | Failure] = Future()
            done.set_result(attempt(self.task, job, self.folder))
            self._running[done] = job

    def receive(self, timeout: float) -> list[Answer]:
        done, _ = wait(self._running, timeout, FIRST_COMPLETED)
        return [Answer(self._running.pop(one), one.result()) for one in done]

    def kill(self) -> None:
        """Nothing to end: a unit that hangs hangs this process."""

    def close(self) -> None:
        if self._opened:
            end(self.task)
            self._opened = False
        if self._threads:
            self._threads.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class Here:
    """What is shared, in the one process that there is."""

    kept: object

    async def ask(self, method: str, *arguments: Any) -> Any:
        return getattr(self.kept, method)(*arguments)


class SerialEngine:
    def share(self, kept: object) -> Here:
        return Here(kept)

    def crew(self, task: Task, folder: Folder, *, gpus: bool) -> SerialCrew:
        return SerialCrew(task, folder)

    def fit(
        self,
        jobs: Sequence[Training],
        *,
        workers: int,
        stop: Stop,
        on_progress: Callable[[Progress], None],
        on_done: Callable[[Trained], None],
    ) -> None:
        serial_train.fit(jobs, workers=workers, stop=stop, on_progress=on_progress, on_done=on_done)

    def close(self) -> None: ...
