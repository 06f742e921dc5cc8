"""The serial engine: one unit after the other in this process. What it gives is what Ray must give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from curate.files import Folder
from model_training.trainers.plan import Job as Training
from model_training.trainers.plan import Progress, Trained
from pipelines.engine import serial_train
from pipelines.engine.attempt import attempt
from pipelines.engine.stop import Stop
from pipelines.engine.unit import Answer, Job, Task


@dataclass
class SerialCrew:
    task: Task
    folder: Folder
    _opened: bool = False
    _answers: list[Answer] = field(default_factory=list)

    def idle(self) -> int:
        return 0 if self._answers else 1

    def send(self, job: Job) -> None:
        if not self._opened:
            self.task.open()
            self._opened = True
        self._answers.append(Answer(job, attempt(self.task, job, self.folder)))

    def receive(self, timeout: float) -> list[Answer]:
        answers, self._answers = self._answers, []
        return answers

    def kill(self) -> None:
        """Nothing to end: a unit that hangs hangs this process."""

    def close(self) -> None: ...


class SerialEngine:
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
