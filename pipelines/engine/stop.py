"""Ctrl-C and SIGTERM: once, and units in hand are finished; twice, and the process ends at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

GRACE = 10.0  # seconds that units in hand get


class Interrupted(Exception):
    """The run was asked to stop; everything that was finished is published."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


@dataclass
class Stop:
    signum: int | None = None

    def check(self) -> None:
        if self.signum is not None:
            raise Interrupted(self.signum)


@contextmanager
def watching() -> Iterator[Stop]:
    """Notes the signals instead of dying from them. Only in the main thread; elsewhere it notes nothing."""
    stop = Stop()

    def note(signum: int, frame: object) -> None:
        if stop.signum is not None:
            os._exit(128 + signum)
        stop.signum = signum

    try:
        before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        yield stop
        return
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
