"""How long connections were open, by the sockets themselves."""

import contextlib
import socket
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Span:
    opened: float
    to_port: int
    own_port: int = 0
    closed: float = 0.0


class TimedSocket(socket.socket):
    span: Span

    def close(self) -> None:
        if not self.span.closed:
            self.span.closed = time.monotonic()
            with contextlib.suppress(OSError):
                self.span.own_port = self.getsockname()[1]
        super().close()


@dataclass
class Stopwatch:
    """Makes the sockets of a fetcher."""

    spans: list[Span] = field(default_factory=list)

    def __call__(self, info: tuple[Any, ...]) -> socket.socket:
        made = TimedSocket(*info[:3])
        made.span = Span(time.monotonic(), info[4][1])
        self.spans.append(made.span)
        return made


def attempts(spans: list[Span], firsts: list[Span]) -> list[float]:
    """Seconds of each attempt: it begins with one of `firsts`, and the connections of its redirects belong to it."""
    found: list[list[float]] = []
    for span in sorted(spans, key=lambda one: one.opened):
        if span in firsts or not found:
            found.append([span.opened, span.closed])
        else:
            found[-1][1] = span.closed
    return [closed - opened for opened, closed in found]
