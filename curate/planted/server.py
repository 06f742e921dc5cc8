"""Serves a planted web on the loopback, as badly as the real one does.

One thread runs an event loop; each connection is a task that answers requests until the client leaves. A
URL is found by the Host header and the path, so URLs need no port: a client maps `resolve` instead.
"""

import asyncio
import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType

from curate.planted.addresses import DOMAIN
from curate.planted.exchange import IDLE, PIECE, Exchange, Hangup, Site

MAX_REQUEST = 64 * 1024
CLOSE_WITHIN = 2.0


class PlantedServer:
    """A server of a planted folder; a context manager.

    `requests` and `sent` count, for each URL, how often it was asked for and the bytes handed to the network.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._site = Site(folder)
        self.requests = self._site.requests
        self.sent = self._site.sent
        self._socket = socket.create_server(("127.0.0.1", port), backlog=512)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.resolve = {f"*.{DOMAIN}": self.address}
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="planted-server", daemon=True)
        self._thread.start()

    def __enter__(self) -> "PlantedServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every connection, waiting ones too. Closing twice is harmless."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop ended in between
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(CLOSE_WITHIN)
        self._site.bodies.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                await self._converse(reader, writer)
            except asyncio.CancelledError:
                writer.transport.abort()
            finally:
                connections.discard(task)

        server = await asyncio.start_server(connected, sock=self._socket, limit=MAX_REQUEST)
        await self._stop.wait()
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # What the buffer holds is not sent yet: a small one keeps `sent` honest.
        writer.transport.set_write_buffer_limits(high=len(PIECE))
        try:
            while True:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE)
                exchange = Exchange(self._site, reader, writer, head.decode("latin-1"))
                await exchange.answer()
                if exchange.closes:
                    break
        except (Hangup, OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
