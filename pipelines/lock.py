"""One writer per run directory. The lock names its holder, and the kernel lets go of it when the holder dies.

For a run on a remote file system the lock lies on this machine: it keeps two commands of one machine apart.
"""

import hashlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from curate.errors import MachineError
from pipelines.workspace import LOCK, Workspace

WAIT = 2.0  # seconds


@contextmanager
def writer(workspace: Workspace) -> Iterator[None]:
    """Hold the run's lock. Raises MachineError naming the holder."""
    path = _path(workspace)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"{path.parent}: cannot be made ({error.strerror})", "set run_dir to a folder that can be written"
        ) from error
    holder = path.with_suffix(".holder.json")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=WAIT)
    except Timeout as error:
        raise MachineError(
            f"{workspace.folder.url()}: another command writes here: {_named(holder)}",
            "wait for it, or end it; then run the same command again",
        ) from error
    try:
        me = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.strftime("%FT%TZ", time.gmtime())}
        holder.write_text(json.dumps(me))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _path(workspace: Workspace) -> Path:
    if workspace.folder.local:
        return Path(workspace.folder.path(LOCK))
    name = hashlib.sha256(workspace.folder.root.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"curate-{os.getuid()}-{name}.lock"


def _named(holder: Path) -> str:
    try:
        found = json.loads(holder.read_text())
    except (OSError, ValueError):
        return "its name is not known"
    return f"process {found.get('pid')} on {found.get('host')}, since {found.get('since')}"


def holder(workspace: Workspace) -> str | None:
    """Who writes here now, or None. A note that a dead holder left behind is told by its lock being free."""
    path = _path(workspace)
    note = path.with_suffix(".holder.json")
    if not note.exists():
        return None
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _named(note)
    lock.release()
    return None
