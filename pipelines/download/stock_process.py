"""Stock img2dataset in a process group of its own, with an end in time and in memory.

It hangs when one of its processes is killed, has no deadline over a URL that drips and no limit of memory; so
whatever it does, `run_stock` comes back, and nothing that it started outlives it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MEMORY = 8 << 30  # bytes of address space of each of its processes; at rest one takes about 4 GB of it
SAID = 2_000  # characters of its output in an error

# Linux ends it with the worker that started it (1 is PR_SET_PDEATHSIG); elsewhere only `run_stock` does.
_CHILD = """
import ctypes, json, resource, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), resource.RLIM_INFINITY))
import img2dataset
img2dataset.download(**json.load(open(sys.argv[1])))
"""


class StockFailed(Exception):
    """It took too long, or ended without what it should have written. Another try may do."""


def run_stock(folder: Path, options: Mapping[str, Any], seconds: float) -> None:
    """`img2dataset.download(**options)`; `folder` takes its options and its output. Raises StockFailed."""
    settings, log = folder / "options.json", folder / "log"
    settings.write_text(json.dumps(dict(options)))
    quiet = {"NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(settings), str(MEMORY)],
            env={**os.environ, **quiet},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise StockFailed(f"img2dataset was not done after {seconds:.0f} s; it said: {_end_of(log)}") from error
        finally:
            _end(process)
    if code != 0:
        raise StockFailed(f"img2dataset ended with {code}; it said: {_end_of(log)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group: a process of its pool that lost its parent waits for ever."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody of it is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-SAID:].strip() or "nothing"
