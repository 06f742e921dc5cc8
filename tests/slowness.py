"""How busy this machine is now: what tests of promised times multiply their limits by."""

import subprocess
import sys
import time

USUAL = 0.7  # seconds that it takes on two idle cores of 2020


def slowness() -> float:
    """Seconds that a process takes to start and import Polars and PyArrow, over the usual; at least 1."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import polars, pyarrow"], check=True)
    return max(1.0, (time.monotonic() - began) / USUAL)
