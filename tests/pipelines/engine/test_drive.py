"""Retries, bisection, quarantine and giving up, with real processes that really die."""

import json
import os
import time
from pathlib import Path

import pytest

from curate.errors import InputError
from curate.files import Folder
from curate.manifest import Manifest
from pipelines.engine.attempts import Attempts
from pipelines.engine.drive import Driver
from pipelines.engine.ray import RayEngine
from pipelines.engine.serial import SerialCrew
from pipelines.engine.stop import Stop
from pipelines.engine.unit import Part, Unit
from tests.pipelines.engine.listening import listening
from tests.slowness import slowness


class Squares:
    """Writes the squares of its rows. Rows in `bad` raise, rows in `deadly` end the process, unless skipped."""

    def __init__(self, bad=(), deadly=(), fails_first=0, notes=None):
        self.bad, self.deadly, self.fails_first, self.notes = set(bad), set(deadly), fails_first, notes

    def open(self): ...

    def run(self, unit, rows):
        if self.notes:
            count = len(list(Path(self.notes).iterdir()))
            (Path(self.notes) / f"{count}").touch()
            if count < self.fails_first:
                raise RuntimeError("a passing trouble")
        values = []
        for row in rows:
            if row in unit.skip:
                values.append(None)
            elif row in self.deadly:
                os.abort()
            elif row in self.bad:
                raise RuntimeError(f"row {row}")
            else:
                values.append(row * row)
        states = {"ok": sum(v is not None for v in values), "poison": sum(v is None for v in values)}
        return [Part("squares", len(values), states, {f"{unit.shard}.json": json.dumps(values).encode()})]


class Missing(Squares):
    def run(self, unit, rows):
        raise InputError("no such model", "bring one")


def units(count=1, rows=16):
    return [Unit("squares", f"{i}", rows, {"squares": "mark"}, None) for i in range(count)]


def drive(tmp_path, task, todo, crew=None, stall=60.0, **options):
    folder = Folder(str(tmp_path))
    driver = Driver(folder, crew or SerialCrew(task, folder), Stop(), stall, **options)
    return driver.run(todo)


def made(tmp_path, shard="0"):
    return json.loads((tmp_path / "squares" / f"{shard}.json").read_text())


def test_a_passing_trouble_is_tried_again(tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    assert drive(tmp_path, Squares(fails_first=2, notes=str(notes)), units()).done == 1
    assert made(tmp_path) == [i * i for i in range(16)] and len(list(notes.iterdir())) == 3
    assert Attempts.load(Folder(str(tmp_path))).failures == {}


@pytest.mark.parametrize("bad", [{0}, {15}, {3, 4}, {0, 5, 10}, set(range(1, 16))])
def test_exactly_the_rows_that_fail_by_themselves_are_quarantined(tmp_path, bad):
    outcome = drive(tmp_path, Squares(bad=bad), units(2))
    assert (outcome.done, outcome.quarantined, outcome.given_up) == (2, 2 * len(bad), {})
    assert made(tmp_path) == [None if i in bad else i * i for i in range(16)]
    entry = Manifest.load(Folder(str(tmp_path)), "squares").entries["1"]
    assert entry.quarantined == sorted(bad) and entry.states == {"ok": 16 - len(bad), "poison": len(bad)}


def test_a_unit_in_which_every_row_fails_is_given_up_and_stays_open(tmp_path):
    outcome = drive(tmp_path, Squares(bad=range(16)), units())
    assert outcome.done == 0 and "row" in next(iter(outcome.given_up.values()))
    assert "0" not in Manifest.load(Folder(str(tmp_path)), "squares").entries
    # The trouble was not in the rows: nothing of that search may turn into an answer later.
    assert drive(tmp_path, Squares(bad=range(16)), units()).given_up
    assert drive(tmp_path, Squares(), units()).done == 1 and made(tmp_path) == [i * i for i in range(16)]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("jobs", range(4, 18))
def test_a_search_that_is_broken_off_is_not_believed(tmp_path, jobs):
    folder = Folder(str(tmp_path))

    class DiesAfter(SerialCrew):
        sent = 0

        def send(self, job):
            self.sent += 1
            if self.sent > jobs:
                raise Killed
            super().send(job)

    with pytest.raises(Killed):
        drive(tmp_path, None, units(), DiesAfter(Squares(bad={3, 12}), folder))
    outcome = drive(tmp_path, Squares(bad={3, 12}), units())
    assert (outcome.done, outcome.quarantined, outcome.given_up) == (1, 2, {})
    assert Manifest.load(folder, "squares").entries["0"].quarantined == [3, 12]


def test_a_task_that_cannot_leave_rows_out_is_tried_three_times_and_given_up(tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    outcome = drive(tmp_path, Squares(fails_first=99, notes=str(notes)), units(rows=1), leaves_out=False)
    assert outcome.given_up and len(list(notes.iterdir())) == 3
    assert drive(tmp_path, Squares(), units(rows=1), leaves_out=False).quarantined == 0
    assert Manifest.load(Folder(str(tmp_path)), "squares").entries["0"].quarantined == []


def test_files_that_the_new_entry_does_not_name_are_removed(tmp_path):
    class AlsoText(Squares):
        def run(self, unit, rows):
            part = super().run(unit, rows)[0]
            return [Part(part.under, part.rows, part.states, {**part.files, f"{unit.shard}.txt": b"more"})]

    drive(tmp_path, AlsoText(), units(2))
    drive(tmp_path, Squares(), units(1))
    assert sorted(p.name for p in (tmp_path / "squares").iterdir()) == ["0.json", "1.json", "1.txt", "manifest.json"]


def test_what_the_user_must_mend_is_not_tried_again(tmp_path):
    with pytest.raises(InputError, match="no such model"):
        drive(tmp_path, Missing(), units())
    assert not (tmp_path / "logs").exists()


def test_attempts_outlive_the_driver(tmp_path):
    folder = Folder(str(tmp_path))
    book = Attempts.load(folder)
    for _ in range(3):
        book.failed(units()[0].key, "it died")
    outcome = drive(tmp_path, Squares(bad={7}), units())  # goes straight to looking for the row
    assert outcome.quarantined == 1 and made(tmp_path)[7] is None


def test_states_that_do_not_sum_are_never_published(tmp_path):
    class Leaky(Squares):
        def run(self, unit, rows):
            part = super().run(unit, rows)[0]
            return [Part(part.under, part.rows, {"ok": part.rows - 1}, part.files)]

    assert drive(tmp_path, Leaky(), units()).done == 0


@pytest.fixture(scope="module")
def ray():
    engine = RayEngine(workers=2)
    yield engine
    engine.close()


@pytest.mark.slow
def test_rows_that_end_every_worker_are_quarantined(ray, tmp_path):
    """Every death costs the start of a process, hence the few rows; the search among many is tested above."""
    crew = ray.crew(Squares(deadly={2}), Folder(str(tmp_path)), gpus=False)
    outcome = drive(tmp_path, None, units(2, 4), crew)
    assert (outcome.done, outcome.quarantined) == (2, 2)
    assert made(tmp_path, "1") == [0, 1, None, 9]


@pytest.mark.slow
def test_a_hanging_row_ends(ray, tmp_path):
    class Hanging(Squares):
        def run(self, unit, rows):
            if 1 in rows and 1 not in unit.skip:
                time.sleep(600)
            return super().run(unit, rows)

    # Long enough for a new worker to start and to answer for the other row.
    stall = 3.0 * slowness()
    crew = ray.crew(Hanging(), Folder(str(tmp_path)), gpus=False)
    outcome = drive(tmp_path, None, units(1, 2), crew, stall=stall)
    assert outcome.quarantined == 1 and made(tmp_path) == [0, None]


@pytest.mark.slow
def test_of_the_units_in_one_workers_hands_the_deadly_one_alone_is_to_blame(ray, tmp_path):
    class OneOfMany(Squares):
        overlap = 8

        def run(self, unit, rows):
            time.sleep(0.3)
            return (Squares(deadly={2}) if unit.shard == "3" else Squares()).run(unit, rows)

    outcome = drive(tmp_path, None, units(8, 4), ray.crew(OneOfMany(), Folder(str(tmp_path)), gpus=False))
    assert (outcome.done, outcome.quarantined) == (8, 1)
    assert [made(tmp_path, str(n)).count(None) for n in range(8)] == [0, 0, 0, 1, 0, 0, 0, 0]


@pytest.mark.slow
def test_a_local_ray_listens_on_loopback_only(ray):
    ray.ray().cluster_resources()
    places = set(listening())
    assert places and places <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
