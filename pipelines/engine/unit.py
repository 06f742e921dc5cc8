"""The unit of work: at most 1,000 rows and 256 MB; a pure function of its inputs and fingerprint."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from curate.files import Content, Folder
from model_training.trainers.plan import Job as Training
from model_training.trainers.plan import Progress, Trained
from pipelines.engine.stop import Stop

MAX_ROWS = 1_000
MAX_BYTES = 256_000_000


@dataclass(frozen=True)
class Part:
    """What a unit makes in one folder of the run: files, and the named states that its rows ended in."""

    under: str
    rows: int
    states: Mapping[str, int]
    files: Mapping[str, Content]  # base name -> content
    stands_for: str | None = None  # see `curate.manifest.Entry`


@dataclass(frozen=True)
class Unit:
    """`fingerprints`: folder -> fingerprint of what the unit makes there. `spec` is all that the task needs.

    `skip` holds the rows that ended every process which handled them; the task gives them the null
    or the outcome that it has for such rows.
    """

    stage: str
    shard: str
    rows: int
    fingerprints: Mapping[str, str]
    spec: Any
    skip: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Names the unit in the book of attempts; another fingerprint is another unit."""
        return f"{self.stage}/{self.shard}/{'-'.join(sorted(self.fingerprints.values()))}"

    def without(self, rows: tuple[int, ...]) -> "Unit":
        return replace(self, skip=rows)


class Task(Protocol):
    """Runs in a worker. `open` is called once per worker, before the first unit: load models there.

    It may also have `leaves_out = True` (poison rows are looked for and left out), `overlap` (so many units at once
    in a worker, each in a thread, because they mostly wait), `cores` (that a worker of it uses) and `close()`.
    """

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        """Make the unit's parts. With fewer rows than the unit has, it is a probe: only those are handled
        and the result is thrown away."""
        ...


def end(task: Task | None) -> None:
    """What a task holds in a worker, it lets go."""
    close = getattr(task, "close", None)
    if close is not None:
        close()


@dataclass(frozen=True)
class Job:
    unit: Unit
    rows: range
    attempt: str  # names the staged files
    alone: bool = False  # in a worker that has nothing else in hand

    @property
    def probe(self) -> bool:
        return len(self.rows) < self.unit.rows


@dataclass(frozen=True)
class StagedPart:
    """A part whose files lie under the attempt's names: base name -> (staged name, sha256, bytes)."""

    under: str
    rows: int
    states: Mapping[str, int]
    files: Mapping[str, tuple[str, str, int]]
    stands_for: str | None = None


@dataclass(frozen=True)
class Failure:
    """`fatal` errors are the user's to mend (a missing model, a full disk): trying again is no use.

    `shared`: the worker died, and had other jobs in hand: nobody knows whose fault it was.
    """

    what: str
    fatal: Exception | None = None
    shared: bool = False


@dataclass(frozen=True)
class Answer:
    job: Job
    result: list[StagedPart] | Failure


class Crew(Protocol):
    """Some workers for one task."""

    def idle(self) -> int: ...

    def send(self, job: Job) -> None:
        """Give a job to an idle worker."""
        ...

    def receive(self, timeout: float) -> list[Answer]:
        """Answers that have come; waits for the first for at most `timeout` seconds."""
        ...

    def kill(self) -> None:
        """End every busy worker; their jobs come back as failures."""
        ...

    def close(self) -> None: ...


class Shared(Protocol):
    """An object that lives once, and that the tasks of all workers may ask. It is sent to them with the task."""

    async def ask(self, method: str, *arguments: Any) -> Any:
        """What that method returns. Raises ConnectionError when the object is out of reach."""
        ...


class Engine(Protocol):
    def share(self, kept: object) -> Shared:
        """Give an object a place where all workers reach it, for as long as what is returned is held."""
        ...

    def crew(self, task: Task, folder: Folder, *, gpus: bool) -> Crew: ...

    def fit(
        self,
        jobs: Sequence[Training],
        *,
        workers: int,
        stop: Stop,
        on_progress: Callable[[Progress], None],
        on_done: Callable[[Trained], None],
    ) -> None:
        """Train every job. `workers` is for each of them; with one, several jobs may be trained at once.

        `on_done` is called in this process as each job finishes. Raises Interrupted after states were saved,
        QuarantineError for a job that failed three times, and at once the error that is the user's to mend.
        """
        ...

    def close(self) -> None: ...
