"""Room for bodies: all that are in hand together stay under one number of bytes, whatever servers send.

There are four parts. The largest is for what connections have received and nobody has taken yet. The second is divided
evenly: every body may grow to its small part at once. A body that outgrows it takes what it can come to need, if that
is a megabyte or less, from the third, and else from the fourth; one of unknown length takes a megabyte first, and moves
on to the fourth when that does not do. Places in a part are given in the order of arrival. Who waits for the third part
holds nothing, and who waits for the fourth holds nothing that those need who have a place there: there is no deadlock.
"""

import asyncio
from collections import deque

SLACK = 8  # a growing buffer takes up to an eighth more than it holds
BUFFER = 1 << 13  # bytes that may wait in a connection's reader, twice over, before its server is held up
RECEIVED = 1 << 16  # bytes that are taken from the kernel at a time
PIECE = 1 << 16  # bytes that are taken from a reader at a time, from one reader after the other
READER = 2 * BUFFER + RECEIVED
MIDDLING = 1 << 20  # bytes


class Part:
    """Bytes that are given in turn."""

    def __init__(self, total: int) -> None:
        self.total = self.free = total
        self.waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    async def take(self, size: int) -> int:
        """Returns what was taken: no more than there is in all."""
        size = min(size, self.total)
        if not self.waiting and size <= self.free:
            self.free -= size
            return size
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((turn, size))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            else:
                self.waiting.remove((turn, size))
                self.give(0)  # a smaller one behind may fit
            raise
        return size

    def give(self, size: int) -> None:
        self.free += size
        while self.waiting and self.waiting[0][1] <= self.free:
            turn, size = self.waiting.popleft()
            if not turn.done():
                self.free -= size
                turn.set_result(None)


class Room:
    """The bytes of one worker. Lives in one event loop."""

    def __init__(self, total: int, bodies: int) -> None:
        """`total` bytes, for so many bodies at a time if that leaves enough for each."""
        self.bodies = max(1, min(bodies, total * 9 // 16 // READER))
        self.small = total // 8 // self.bodies
        self.middling = Part(total // 8)
        self.large = Part(total * 3 // 16)


class Share:
    """What one body has taken of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._allowed = room.small  # bytes that it may have by now
        self._taken: list[tuple[Part, int]] = []

    async def grow(self, size: int, most: int, *, known: bool = False) -> None:
        """Before a body gets `size` bytes long, of `most` that it can get, or will get if that is `known`."""
        if size <= self._allowed:
            return
        middling = most <= MIDDLING if known else size <= MIDDLING
        need = min(most, MIDDLING) if middling else most
        part = self._room.middling if middling else self._room.large
        self._taken.append((part, await part.take(need + need // SLACK)))
        self._allowed = need

    def settle(self, size: int) -> None:
        """The body is whole, and so long."""
        if self._taken:
            part, taken = self._taken.pop()
            self.close()
            part.give(max(0, taken - size))
            self._taken.append((part, min(taken, size)))

    def close(self) -> None:
        self._allowed = self._room.small
        while self._taken:
            part, taken = self._taken.pop()
            part.give(taken)
