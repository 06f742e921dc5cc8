"""What a command costs: wall seconds, CPU seconds and the most memory of one process, over all that it starts.

Ray's processes are nobody's children, so processes are told by a mark in their environment, or by that of their
parent; what a process used between the last look and its end is lost, which favours no side.
"""

import os
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass

MARK = "CURATE_BENCH"
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    wall: float  # s
    cpu: float  # s
    memory: int  # bytes, resident, of the largest process


def measured(command: list[str], environment: dict[str, str] | None = None, limit: float = 900) -> Cost:
    """Raises CalledProcessError when the command fails."""
    mark = uuid.uuid4().hex
    seen = _Seen(mark)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            seen.look()

    watcher = threading.Thread(target=look)
    watcher.start()
    began = time.perf_counter()
    try:
        done = subprocess.run(  # noqa: PLW1510
            command, env={**os.environ, **(environment or {}), MARK: mark}, capture_output=True, timeout=limit
        )
    finally:
        wall = time.perf_counter() - began
        seen.look()
        ended.set()
        watcher.join()
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command[:3], done.stdout[-2000:], done.stderr[-2000:])
    return Cost(wall, seen.cpu(), max(seen.memory.values(), default=0))


class _Seen:
    def __init__(self, mark: str) -> None:
        self.mark = f"{MARK}={mark}".encode()
        self.ours: dict[str, bool] = {}
        self.pids: set[str] = set()
        self.ticks: dict[str, int] = {}
        self.memory: dict[str, int] = {}

    def look(self) -> None:
        for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
            try:
                with open(f"/proc/{pid}/stat") as stream:
                    fields = stream.read().rpartition(")")[2].split()
                key = f"{pid}-{fields[19]}"  # the start time: a pid comes again
                if key not in self.ours:
                    with open(f"/proc/{pid}/environ", "rb") as stream:
                        self.ours[key] = fields[1] in self.pids or self.mark in stream.read()
                if not self.ours[key]:
                    continue
                self.pids.add(pid)
                self.ticks[key] = int(fields[11]) + int(fields[12])
                self.memory[key] = max(self.memory.get(key, 0), int(fields[21]) * 4096)
            except (OSError, IndexError):
                continue

    def cpu(self) -> float:
        return sum(self.ticks.values()) / TICK
