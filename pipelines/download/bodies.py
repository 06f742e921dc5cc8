"""Room for bodies: all that are in hand together stay under one number of bytes, whatever servers send.

A third is for what connections have received and nobody has taken yet. A sixth is divided evenly: every body may
grow to its small part at once, and many do no more. A body that outgrows it takes what it can come to need from
the other half, in one step, and waits for that in the order of arrival. Nobody who waits holds anything that
another one waits for, so there is no deadlock; and a server that only announces a large body keeps no room until
it has sent the small part.
"""

import asyncio
from collections import deque

SLACK = 8  # a growing buffer takes up to an eighth more than it holds
BUFFER = 1 << 14  # bytes that may wait in a connection's reader, twice over, before its server is held up
RECEIVED = 1 << 16  # bytes that are taken from the kernel at a time
PIECE = 1 << 15  # bytes that are taken from the reader at a time
READER = 2 * BUFFER + RECEIVED + PIECE


class Room:
    """The bytes of one worker. Lives in one event loop."""

    def __init__(self, total: int, bodies: int) -> None:
        """`total` bytes, for so many bodies at a time if that leaves enough for each."""
        self.bodies = max(1, min(bodies, total // 3 // READER))
        self.small = total // 6 // self.bodies
        self._shared = self._free = total // 2
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    async def take(self, size: int) -> None:
        size = min(size, self._shared)  # more than all can never come
        if not self._waiting and size <= self._free:
            self._free -= size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, size))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            else:
                self._waiting.remove((turn, size))
                self.give(0)  # a smaller one behind may fit
            raise

    def give(self, size: int) -> None:
        self._free += min(size, self._shared)
        while self._waiting and self._waiting[0][1] <= self._free:
            turn, size = self._waiting.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(None)


class Share:
    """What one body has taken of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._taken = 0

    async def grow(self, size: int, most: int) -> None:
        """Before a body gets `size` bytes long, of `most` that it can get."""
        if size > self._room.small and not self._taken:
            size = most + most // SLACK
            await self._room.take(size)
            self._taken = size

    def settle(self, size: int) -> None:
        """The body is whole, and so long."""
        if self._taken > size:
            self._room.give(self._taken - size)
            self._taken = size

    def close(self) -> None:
        if self._taken:
            self._room.give(self._taken)
            self._taken = 0
