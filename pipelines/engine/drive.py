"""The driver: sends units to a crew, publishes what comes back, and owns every retry.

A unit that fails is tried three times in all. Then it is bisected by probes, whose results are thrown away,
until the rows that fail by themselves are known; the unit is made once more without those rows. A unit that
fails although no row of it does, or in which every row fails, is given up; so is, without a search, one whose
task cannot leave rows out. Nothing waits for ever: when no answer comes for `stall` seconds, the busy workers
are ended and their jobs count as failed.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from curate.files import Folder
from curate.manifest import Entry, Manifest
from pipelines.engine.attempts import Attempts
from pipelines.engine.stop import GRACE, Stop
from pipelines.engine.unit import Answer, Crew, Failure, Job, StagedPart, Unit

TRIES = 3
TICK = 0.5  # seconds between looks at the signals


@dataclass
class Outcome:
    """What a stage's drive came to."""

    done: int = 0
    quarantined: int = 0
    given_up: dict[str, str] = field(default_factory=dict)  # unit key -> the last failure


@dataclass
class Driver:
    """`leaves_out`: the task heeds `unit.skip`, so that a unit can be made without the rows that end it."""

    folder: Folder
    crew: Crew
    stop: Stop
    stall: float
    on_done: Callable[[Unit], None] = lambda unit: None
    on_trouble: Callable[[str], None] = lambda text: None
    leaves_out: bool = True

    def __post_init__(self) -> None:
        self.attempts = Attempts.load(self.folder)
        self.manifests: dict[str, Manifest] = {}
        self.outcome = Outcome()
        self._jobs: deque[Job] = deque()
        self._probing: dict[str, int] = {}  # unit key -> probes that are still out
        self._suspects: dict[str, set[int]] = {}  # unit key -> rows that failed alone in the search so far
        self._count = 0
        self._in_flight = 0
        self._saved_at = 0.0
        self._save_cost = 0.0

    def run(self, units: Iterable[Unit]) -> Outcome:
        """Make all units. Raises Interrupted, or the error of a unit whose failure is the user's to mend."""
        waiting = iter(units)
        try:
            while True:
                self.stop.check()
                self._fill(waiting)
                if not self._in_flight:
                    break
                self._take(self._answers())
        except BaseException:
            self._finish_in_hand()
            raise
        finally:
            self._save(force=True)
            self.crew.close()
        return self.outcome

    # -- sending -----------------------------------------------------------------------------------
    def _fill(self, waiting: Iterable[Unit]) -> None:
        while self.crew.idle():
            if not self._jobs:
                unit = next(waiting, None)  # type: ignore[call-overload]
                if unit is None:
                    return
                self._begin(unit)
            if self._jobs:
                self.crew.send(self._jobs.popleft())
                self._in_flight += 1

    def _begin(self, unit: Unit) -> None:
        """A unit that failed before this driver started goes on where it was."""
        poison = tuple(self.attempts.poison.get(unit.key, ())) if self.leaves_out else ()
        if self.leaves_out and len(self.attempts.failures.get(unit.key, ())) >= TRIES and not poison:
            self._bisect(unit, range(unit.rows))
        else:
            self._push(unit.without(poison), range(unit.rows))

    def _push(self, unit: Unit, rows: range, *, alone: bool = False) -> None:
        self._count += 1
        self._jobs.append(Job(unit, rows, f"{os.getpid()}-{self._count}", alone))

    # -- receiving ---------------------------------------------------------------------------------
    def _answers(self) -> list[Answer]:
        quiet_since = time.monotonic()
        while True:
            answers = self.crew.receive(TICK)
            if answers:
                self._in_flight -= len(answers)
                return answers
            self.stop.check()
            if time.monotonic() - quiet_since > self.stall:
                self.on_trouble(f"no unit finished in {self.stall:.0f} s: the busy workers are ended")
                self.crew.kill()
                quiet_since = time.monotonic()

    def _take(self, answers: list[Answer]) -> None:
        for answer in answers:
            unit = answer.job.unit
            if isinstance(answer.result, Failure):
                if answer.result.fatal is not None:
                    raise answer.result.fatal
                self._failed(answer.job, answer.result)
            elif answer.job.probe:
                self._probed(unit)
            else:
                self._publish(unit, answer.result)

    def _failed(self, job: Job, failure: Failure) -> None:
        unit = job.unit
        if failure.shared:  # no try of its own
            self.on_trouble(f"{unit.stage} {unit.shard}: {failure.what} with several units in hand; each goes on alone")
            self._push(unit, job.rows, alone=True)
            return
        if job.probe or unit.key in self._probing:
            self._probe_failed(job, failure)
            return
        count = self.attempts.failed(unit.key, failure.what)
        self.on_trouble(f"{unit.stage} {unit.shard}, try {count}: {failure.what.strip().splitlines()[-1]}")
        if count < TRIES and not unit.skip:
            self._push(unit, job.rows)
        elif count == TRIES and not unit.skip and self.leaves_out:
            self._bisect(unit, job.rows)
        else:
            self.outcome.given_up[unit.key] = failure.what

    # -- looking for the rows that fail by themselves ------------------------------------------------
    def _bisect(self, unit: Unit, rows: range) -> None:
        if unit.rows == 1:  # the unit itself was the probe
            self.attempts.quarantine(unit.key, (0,))
            self._push(unit.without((0,)), range(1))
            return
        middle = len(rows) // 2
        halves = [rows[:middle], rows[middle:]]
        self._probing[unit.key] = self._probing.get(unit.key, 0) + len(halves)
        for half in halves:
            self._push(unit, half)

    def _probe_failed(self, job: Job, failure: Failure) -> None:
        if len(job.rows) == 1:
            self._suspects.setdefault(job.unit.key, set()).add(job.rows[0])
            self.on_trouble(f"{job.unit.stage} {job.unit.shard}: row {job.rows[0]} fails by itself")
        else:
            self._bisect(job.unit, job.rows)
        self._probed(job.unit)

    def _probed(self, unit: Unit) -> None:
        self._probing[unit.key] -= 1
        if self._probing[unit.key]:
            return
        del self._probing[unit.key]
        poison = tuple(sorted(self._suspects.pop(unit.key, ())))
        if len(poison) == unit.rows:  # the trouble is not in the rows
            self.outcome.given_up[unit.key] = self.attempts.failures[unit.key][-1]
            return
        if poison:
            self.attempts.quarantine(unit.key, poison)
        self._push(unit.without(poison), range(unit.rows))

    # -- publishing ----------------------------------------------------------------------------------
    def _publish(self, unit: Unit, parts: list[StagedPart]) -> None:
        replaced = False
        for part in parts:
            manifest = self.manifest(part.under)
            files = {}
            for base, (staged, digest, size) in part.files.items():
                self.folder.publish(staged, f"{part.under}/{base}")
                files[base] = {"sha256": digest, "bytes": size}
            before = manifest.entries.get(unit.shard)
            replaced |= before is not None  # until the manifest says so, it names files that are no more
            # Ahead of the manifest: a crash in between leaves an entry that does not verify, and is made again.
            for base in sorted(set(before.files if before else ()) - set(files)):
                self.folder.remove(f"{part.under}/{base}")
            mark, skipped = unit.fingerprints[part.under], list(unit.skip)
            entry = Entry(mark, part.rows, dict(part.states), files, skipped, part.stands_for)
            manifest.entries[unit.shard] = entry
        self._save(force=replaced)
        self.attempts.done(unit.key)
        self.outcome.done += 1
        self.outcome.quarantined += len(unit.skip)
        self.on_done(unit)

    def manifest(self, under: str) -> Manifest:
        if under not in self.manifests:
            self.manifests[under] = Manifest.load(self.folder, under)
        return self.manifests[under]

    def _save(self, *, force: bool = False) -> None:
        # A manifest is written whole. Waiting ten times what the last write took keeps that a tenth
        # of the time however many shards there are; what is lost by a crash is made again.
        now = time.monotonic()
        if not force and now - self._saved_at < 10 * self._save_cost:
            return
        for manifest in self.manifests.values():
            manifest.save()
        self._saved_at = time.monotonic()
        self._save_cost = self._saved_at - now

    def _finish_in_hand(self) -> None:
        """What is nearly done is published, within the grace that a signal leaves."""
        deadline = time.monotonic() + GRACE
        while self._in_flight and time.monotonic() < deadline:
            for answer in self.crew.receive(TICK):
                self._in_flight -= 1
                if not isinstance(answer.result, Failure) and not answer.job.probe:
                    self._publish(answer.job.unit, answer.result)
