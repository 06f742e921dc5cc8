"""How many URLs are in hand at once: as many as network and processor bear.

Like TCP, for the same reason: nobody knows the capacity, and whoever asks for more than there is gets less.
Every answer adds one (slow start) until a first sign of congestion, from then on a little. There are two signs.

* The event loop lags: this process has more to do than it can. Growth stops, then the number shrinks, but not
  far: results that nobody has time to take keep their slots anyhow.
* Names cannot be resolved, connections not made, answers not awaited, at more hosts than before. URLs are
  judged in groups that were *started* one after another, so that failures, which take longer than answers, come
  no later than they. One bad host is one host of many, and a share of dead hosts that was always there is
  the level from which a rise is measured. A rise that fewer URLs at once do not cure is the new level.
"""

from dataclasses import dataclass, field

START = 32
LEAST = 8
GROUP = 128  # URLs started one after another
FAILING_HOSTS = 16  # fewer are an accident of their own
RISE = 0.25  # of the share of hosts that cannot be reached
CUTS = 3  # to a half each, before a rise is taken for something else
LAGGING, OVERLOADED = 0.1, 0.25  # seconds
LEAST_LAGGING = 64  # below, it would be the network's waiting that wastes the processor


@dataclass
class Group:
    """URLs that were started one after another."""

    number: int
    started: int = 0
    ended: int = 0
    reached: set[object] = field(default_factory=set)
    failed: set[object] = field(default_factory=set)


class Pace:
    """`limit` is the number of URLs that may be in hand now. No clock, no I/O."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._level = float(min(START, most))
        self._least = min(LEAST, most)
        self._slow_start = True
        self._usual: float | None = None  # share of hosts that cannot be reached
        self._cuts = 0
        self._before = 0.0  # the first of them
        self._group = Group(0)
        self._judged_from = 0  # groups before are of a congestion that was answered already
        self._lag = 0.0

    @property
    def limit(self) -> int:
        return int(self._level)

    def begin(self) -> Group:
        """A URL is started. What it is given goes to `end`."""
        if self._group.started == GROUP:
            self._group = Group(self._group.number + 1)
        self._group.started += 1
        return self._group

    def end(self, group: Group | None, host: object, reached: bool, busy: bool) -> None:
        """A URL of the group is done; `busy` when the limit was in use, without which it proves nothing.

        No group when it is asked for again: those are the failures of before, and would be counted twice.
        """
        if reached and busy and self._lag < LAGGING:
            self._level = min(self._most, self._level + (1 if self._slow_start else LEAST / self._level))
        if group is None:
            return
        (group.reached if reached else group.failed).add(host)
        group.ended += 1
        if group.ended == GROUP:
            self._judge(group)

    def _judge(self, group: Group) -> None:
        if group.number < self._judged_from:
            return
        failed = group.failed - group.reached
        share = len(failed) / (len(failed) + len(group.reached))
        usual = share if self._usual is None else self._usual
        if len(failed) < FAILING_HOSTS or share <= usual + RISE:
            self._cuts = 0
            # Up more slowly than down, or what congestion causes below the rise would become usual in time.
            self._usual = usual + (share - usual) * (0.02 if share > usual else 0.1)
        elif self._cuts < CUTS:
            self._before = self._level if not self._cuts else self._before
            self._cuts += 1
            self._shrink(0.5)
            self._judged_from = self._group.number + 1
        else:  # fewer at once did not help: it is not for us that they cannot be reached
            self._cuts = 0
            self._usual = share
            self._level = max(self._level, self._before)

    def lagged(self, seconds: float) -> None:
        """The event loop came so much too late, measured about ten times a second."""
        self._lag += 0.3 * (seconds - self._lag)
        if self._lag > OVERLOADED:
            self._shrink(0.9, min(LEAST_LAGGING, self._level))

    def _shrink(self, factor: float, least: float = 0.0) -> None:
        self._slow_start = False
        self._level = max(self._least, least, self._level * factor)
