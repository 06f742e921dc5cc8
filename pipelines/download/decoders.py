"""Decoding in processes of their own, while the sockets wait: what a file breaks there costs one row."""

import asyncio
import json
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curate.files import sha256
from curate.image_store import Stored, StorePolicy
from curate.images import Failed
from curate.schema import Outcome
from pipelines.download.decode_process import HEAD

ROOT = str(Path(__file__).parents[2])
START = "import sys; sys.path.append(sys.argv.pop()); from pipelines.download.decode_process import main; main()"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1", "LC_ALL": "C.UTF-8"}
BUFFER = 1 << 20  # bytes on the way to a process: most bodies fit in one piece
SECONDS = 60.0  # for one image
TRIES = 2


@dataclass(frozen=True)
class Opened:
    """What became of downloaded bytes. Digests are of the bytes as they came, and as they are stored.

    They are made on this side: the other one might be told by an image what to say.
    """

    found: Stored | Failed
    sha256: str
    stored_sha256: str | None = None


class _Broken(Exception):
    """The process ended, hung or spoke nonsense."""


class _Line(asyncio.Protocol):
    """One question at a time; an answer is its head, the facts as JSON, and an image."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._answer: asyncio.Future[tuple[dict[str, Any], bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def ask(self, data: bytes) -> asyncio.Future[tuple[dict[str, Any], bytes]]:
        self._answer = asyncio.get_running_loop().create_future()
        if self.transport.is_closing():
            self.connection_lost(None)
        else:
            self.transport.writelines((HEAD.pack(0, len(data)), data))
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._got += data
        if len(self._got) < HEAD.size or self._answer is None or self._answer.done():
            return
        facts, size = HEAD.unpack_from(self._got)
        if len(self._got) < HEAD.size + facts + size:
            return
        view = memoryview(self._got)[HEAD.size :]
        try:
            self._answer.set_result((json.loads(bytes(view[:facts])), bytes(view[facts:])))
        except ValueError:
            self._answer.set_exception(_Broken("its answer is no JSON"))
        self._got = bytearray()

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(_Broken(""))


@dataclass
class _Process:
    policy: StorePolicy
    process: subprocess.Popen[bytes] | None = None
    line: _Line | None = None

    async def start(self) -> _Line:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        command = [sys.executable, "-c", START, json.dumps(asdict(self.policy)), ROOT]
        with theirs:
            self.process = subprocess.Popen(
                command, stdin=theirs.fileno(), env=ENVIRONMENT, stderr=subprocess.DEVNULL, process_group=0
            )
        _, line = await asyncio.get_running_loop().create_connection(_Line, sock=ours)
        return line

    async def ask(self, data: bytes) -> tuple[dict[str, Any], bytes]:
        """Raises _Broken."""
        if self.line is None:
            self.line = await self.start()
        try:
            async with asyncio.timeout(SECONDS):
                return await self.line.ask(data)
        except TimeoutError as error:
            raise _Broken(f"it took more than {SECONDS:g} s") from error
        except _Broken as broken:
            raise _Broken(str(broken) or self._ended()) from broken

    def _ended(self) -> str:
        assert self.process
        self.process.kill()
        code = self.process.wait()
        return f"the process ended ({f'signal {-code}' if code < 0 else f'exit code {code}'})"

    def close(self) -> None:
        if self.line:
            self.line.transport.close()
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = self.line = None


@dataclass
class Decoders:
    """`count` processes, started when they are needed. Lives in one event loop."""

    policy: StorePolicy
    count: int
    _idle: list[_Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.count)

    async def store(self, data: bytes) -> Opened:
        """As `curate.image_store.store`. Bytes that end a process twice are a `worker_crash`."""
        async with self._free:
            process = self._idle.pop() if self._idle else _Process(self.policy)
            try:
                return await self._store(process, data)
            finally:
                self._idle.append(process)

    async def _store(self, process: _Process, data: bytes) -> Opened:
        why = ""
        for _ in range(TRIES):
            try:
                return _read(data, *await process.ask(data))
            except _Broken as broken:
                why = str(broken)
                process.close()
            except BaseException:
                process.close()  # it may be in the middle of an answer
                raise
        return Opened(Failed(Outcome.WORKER_CRASH, f"decoding it failed {TRIES} times: {why}"), sha256(data))

    def close(self) -> None:
        """In the loop that it lives in."""
        for process in self._idle:
            process.close()
        self._idle = []


def _read(data: bytes, facts: dict[str, Any], image: bytes) -> Opened:
    """Raises _Broken for an answer that none of ours would give."""
    try:
        if "sizes" in facts:
            return Opened(Stored(image, **facts["sizes"]), sha256(data), sha256(image))
        return Opened(Failed(Outcome(facts["outcome"]), str(facts["message"])), sha256(data))
    except (TypeError, ValueError, KeyError) as error:
        raise _Broken("its answer makes no sense") from error
