"""Step logs: one JSON object a line, and the same numbers for TensorBoard. Local, never part of any hash."""

import json
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

FIRST, EVERY = 20, 10  # steps


def is_told(step: int, steps: int) -> bool:
    """Of `steps`, the first 20 are logged, then every tenth, and the last."""
    return step <= FIRST or step % EVERY == 0 or step == steps


class Log:
    """{logs}/{job}.jsonl and {logs}/tensorboard/{job}. A resumed training takes back the lines it makes again."""

    def __init__(self, logs: str | None, job: str, step: int) -> None:
        self._job = job
        self._lines: Any = None
        self._events: Any = None
        if logs is None:
            return
        path = Path(logs, f"{job}.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in _lines(path) if _step_of(line) <= step]
        self._lines = path.open("w", encoding="utf-8")
        self._lines.writelines(kept)
        events = str(Path(logs, "tensorboard", job))
        self._events = SummaryWriter(events, purge_step=step + 1, filename_suffix=f".{step}")

    def step(self, step: int, numbers: dict[str, float]) -> None:
        self._write({"job": self._job, "step": step, **numbers})
        if self._events:
            for name, value in numbers.items():
                self._events.add_scalar(name, value, step)

    def skipped(self, step: int, loss: float, norm: float, keys: tuple[str, ...]) -> None:
        """An update that was not made, and the pairs of this worker's part of its batch."""
        self._write({"job": self._job, "step": step, "skipped": f"loss {loss}, gradient {norm}", "keys": keys})

    def close(self) -> None:
        if self._lines:
            self._lines.close()
        if self._events:
            self._events.close()

    def _write(self, record: dict[str, Any]) -> None:
        if self._lines:
            self._lines.write(json.dumps(record) + "\n")
            self._lines.flush()


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)


def _step_of(line: str) -> float:
    """A line that was cut by the end of a process counts as the last one of all."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
