"""img2dataset's own code on one case after the other, each in a forked process that is ended when its time is over.

python -m tests.hostile.peer_worker JOBS RESULTS AT_ONCE     run by tests.hostile.peer
"""

import os
import pickle
import resource
import signal
import socket
import sys
import time
import traceback
from ipaddress import ip_address
from pathlib import Path
from typing import Any

os.environ.update(NO_ALBUMENTATIONS_UPDATE="1", WANDB_MODE="disabled")

import pyarrow as pa
import pyarrow.parquet as pq
from img2dataset.downloader import Downloader
from img2dataset.reader import Reader
from img2dataset.resizer import Resizer
from img2dataset.writer import FilesSampleWriter

MEMORY = 6 << 30  # bytes of address space: what a bomb takes beyond that, it may fail for
DIRECTIVES = ["noai", "noimageai", "noindex", "noimageindex"]  # its defaults
_CONNECTS: list[tuple[str, int]] = []


def fenced(names: dict[str, list[list[str]]]) -> None:
    """The suite's names, and sockets that reach nothing but the loopback."""
    real, connect = socket.getaddrinfo, socket.socket.connect

    def look_up(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        name = (host.decode() if isinstance(host, bytes) else str(host)).lower().removesuffix(".")
        if name.endswith(".hostile.test"):
            return real("127.0.0.1", port, *more, **options)
        if lists := names.get(name):
            answers = lists.pop(0) if len(lists) > 1 else lists[0]
            return [found for answer in answers for found in real(answer, port, *more, **options)]
        if any(letter.isalpha() for letter in name) and ":" not in name and not name.startswith("0x"):
            raise socket.gaierror("no such name")
        return real(host, port, *more, **options)

    def guarded(sock: socket.socket, address: Any) -> None:
        _CONNECTS.append(address[:2])
        if not ip_address(address[0].partition("%")[0]).is_loopback and address[0] not in ("0.0.0.0", "::"):
            raise ConnectionRefusedError("the test connects to nobody outside")
        connect(sock, address)

    socket.getaddrinfo = look_up
    socket.socket.connect = guarded  # type: ignore[method-assign]


def downloaded(url: str, folder: Path, timeout: float, retries: int) -> dict[str, Any]:
    """One URL through the class that its workers run."""
    shard = folder / "0.feather"
    with pa.OSFile(str(shard), "wb") as sink:
        table = pa.table({"url": pa.array([url.encode("utf-8", "replace").decode()])})
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    largest = 50_000_000  # pixels; it has no limit unless asked
    resizer = Resizer(384, "keep_ratio_largest", True, encode_format="png", encode_quality=1, max_image_area=largest)
    whole = Downloader(
        FilesSampleWriter,
        resizer,
        1,
        False,
        False,
        str(folder),
        ["url"],
        timeout,
        1000,
        5,
        None,
        None,
        "png",
        retries,
        "img2dataset",
        DIRECTIVES,
    )
    done, _ = whole((0, str(shard)))
    rows = pq.read_table(folder / "00000.parquet").to_pylist() if done else []
    images = [path.read_bytes() for path in sorted(folder.rglob("*.png"))]
    row = rows[0] if rows else {"status": "lost", "error_message": None}
    return {
        "status": row["status"],
        "message": row["error_message"],
        "image": images[-1] if images else None,
        **_sizes(row),
    }


def _sizes(row: dict[str, Any]) -> dict[str, Any]:
    return {"size": (row.get("original_width"), row.get("original_height"))}


def listed(folder: Path, kind: str, caption: str | None, scratch: Path) -> dict[str, Any]:
    """A folder of lists, through its reader."""
    reader = Reader(str(folder), kind, "url", caption, None, None, None, 1000, set(), str(scratch))
    rows: list[tuple[Any, Any]] = []
    for _, path in reader:
        with pa.memory_map(path) as source:
            found = pa.ipc.open_file(source).read_all().to_pylist()
        rows += [(row["url"], row.get("caption")) for row in found]
    return {"status": "read", "rows": rows}


def work(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.environ.update(job.get("environment", {}))
    fenced(job.get("names", {}))
    try:
        if "lists" in job:
            found = listed(Path(job["lists"]), job["kind"], job["caption"], folder)
        else:
            for turn in range(job.get("times", 1)):
                here = folder / str(turn)
                here.mkdir()
                found = downloaded(job["url"], here, job["timeout"], job["retries"])
    except Exception as error:  # what it raises is a result here
        found = {"status": "raised", "message": f"{type(error).__name__}: {error}"[:300]}
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    return {**found, "connects": list(_CONNECTS), "megabytes": usage}


def main(jobs: list[dict[str, Any]], folder: Path, at_once: int) -> dict[str, dict[str, Any]]:
    waiting, running, results = list(reversed(jobs)), {}, {}
    while waiting or running:
        while waiting and len(running) < at_once:
            job = waiting.pop()
            place = folder / f"{len(waiting):04}"
            place.mkdir()
            running[fork(job, place)] = (job, place, time.monotonic())
        for pid, (job, place, begun) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            seconds = time.monotonic() - begun
            if not ended and seconds < job["limit"]:
                continue
            if not ended:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            del running[pid]
            out = place / "result.pickle"
            found = pickle.loads(out.read_bytes()) if ended and out.exists() else {}
            why = "hung" if not ended else f"crashed ({status})"
            results[job["name"]] = {"status": why, **found, "seconds": seconds}
        time.sleep(0.005)
    return results


def fork(job: dict[str, Any], place: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        quiet = os.open(place / "log", os.O_CREAT | os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        found = work(job, place)
        (place / "partial").write_bytes(pickle.dumps(found))
        (place / "partial").rename(place / "result.pickle")
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    given, out = Path(sys.argv[1]), Path(sys.argv[2])
    made = main(pickle.loads(given.read_bytes()), out.parent, int(sys.argv[3]))
    out.write_bytes(pickle.dumps(made))
