"""What all workers together may do to a host: one for the whole cluster.

Workers tell in one message, for all hosts that they have URLs of, what they want and what has happened there,
and are told for each what they may do until the next message. Nothing here waits, reads a clock of its own or
does I/O, and all that goes over the line is plain data.

* Connections: the sum over workers never exceeds `per_host`. What a worker was granted counts against the others
  until it says itself that it uses less. A worker that is silent for `lease` seconds has lost its connections;
  it starts nothing of its own accord after half of them.
* Starts: with a rate or a Crawl-delay each start has its own moment, given to one worker.
* Breaker: after `host_failures` failures in a row, over all workers, without any answer the host is closed. A
  minute later one worker may ask for one URL; its answer opens the host, its failure closes it again.
* A host that never answered gets `first_failures` connections and so many failures: in old lists most such names
  are gone for good, and what waits for them would take the place of what waits for others.
* Retry-After of 429 and 503 holds for the host, not for one URL. Up to `max_retry_after` everybody waits;
  beyond it the host is closed as long as it asks for, but no longer than a day.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from curate.schema import Outcome

HostKey = tuple[str, int]  # name, port

PROBE_AFTER = 60.0  # seconds for which a host without answers is left alone
AHEAD = 1.0  # seconds of starts that are given away at once
TURN = 10.0  # seconds after which the odd connection goes to the next worker
LONGEST_DELAY = 10.0  # of a Crawl-delay that is obeyed in full
LONGEST_CLOSED = 86_400.0
FORGET = 600.0  # seconds without a word of a host


@dataclass(frozen=True)
class Limits:
    """The same for all workers of a cluster."""

    per_host: int = 8
    per_host_rate: float = 0.0
    host_failures: int = 16
    first_failures: int = 2
    max_retry_after: float = 10.0
    lease: float = 30.0


@dataclass(frozen=True)
class HostReport:
    """One worker about one host, since its last report."""

    running: int = 0
    waiting: int = 0
    holding: int = 0  # at most so many connections are used until the answer to this report
    planned: int = 0  # moments for a start that were given and not used yet
    answers: int = 0
    failures: int = 0  # in a row without any answer, since the last answer
    outcome: Outcome = Outcome.CONNECT  # of the last failure
    retry_after: float = 0.0  # seconds from now
    retry_outcome: Outcome = Outcome.TOO_MANY_REQUESTS
    delay: float = 0.0  # robots.txt's Crawl-delay in seconds


@dataclass(frozen=True)
class Closed:
    """No URL of the host is asked for, so many seconds long."""

    outcome: Outcome
    message: str
    seconds: float


@dataclass(frozen=True)
class Grant:
    connections: int
    failures: int = 0  # in a row, over all workers
    wait: float = 0.0  # seconds until the first start
    every: float = 0.0  # seconds between two starts at least
    starts: tuple[float, ...] | None = None  # more moments for one start each, seconds from now; None: at any time
    closed: Closed | None = None


Report = dict[HostKey, HostReport]
Grants = dict[HostKey, Grant]


@dataclass
class _Use:
    wanted: int
    held: int
    until: float


@dataclass
class _Host:
    uses: dict[str, _Use] = field(default_factory=dict)
    answered: bool = False  # ever
    failures: int = 0
    outcome: Outcome = Outcome.CONNECT
    probe_at: float = 0.0
    probing: tuple[str, float] | None = None  # who, until when
    not_before: float = 0.0
    closed: Closed | None = None  # by the host's own wish, until `not_before`
    delay: float = 0.0
    next_start: float = 0.0
    heard: float = 0.0


class Hosts:
    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        """`clock` gives seconds from anywhere, never backwards."""
        self._limits = limits
        self._clock = clock
        self._hosts: dict[HostKey, _Host] = {}
        self._swept = clock()

    def sync(self, worker: str, report: Report) -> Grants:
        now = self._clock()
        self._sweep(now)
        return {key: self._one(worker, key, told, now) for key, told in report.items()}

    def leave(self, worker: str) -> None:
        """The worker has ended; what it held is free."""
        for host in self._hosts.values():
            host.uses.pop(worker, None)

    def _one(self, worker: str, key: HostKey, told: HostReport, now: float) -> Grant:
        host = self._hosts.setdefault(key, _Host())
        host.heard = now
        self._learn(host, worker, told, now)
        wanted = told.running + told.waiting
        if not wanted and not told.holding:
            host.uses.pop(worker, None)
        else:
            host.uses[worker] = _Use(wanted, told.holding, now + self._limits.lease)
        closed = self._closed(host, now)
        if closed:
            return Grant(0, host.failures, closed=closed)
        if host.failures >= self._most_failures(host):
            return self._probe(host, worker, told, now)
        connections = self._connections(host, worker, now)
        return self._start(host, told, connections, now)

    # -- what has happened ------------------------------------------------------------------------
    def _learn(self, host: _Host, worker: str, told: HostReport, now: float) -> None:
        if told.answers:
            host.answered, host.failures = True, 0
        if told.answers or told.failures:
            host.probing = None
        if told.failures:
            host.failures += told.failures
            host.outcome = told.outcome
            host.probe_at = now + PROBE_AFTER
        if told.delay:
            host.delay = min(told.delay, LONGEST_DELAY)
        if told.retry_after > 0 and now + told.retry_after > host.not_before:
            host.not_before = now + min(told.retry_after, LONGEST_CLOSED)
            host.closed = None
            if told.retry_after > self._limits.max_retry_after:
                host.closed = closed_by_wish(told.retry_outcome, told.retry_after)

    def _closed(self, host: _Host, now: float) -> Closed | None:
        if host.closed and now < host.not_before:
            return Closed(host.closed.outcome, host.closed.message, host.not_before - now)
        host.closed = None
        if host.failures >= self._most_failures(host) and now < host.probe_at:
            return closed_by_failures(host.outcome, host.failures, host.probe_at - now)
        return None

    def _most_failures(self, host: _Host) -> int:
        most = self._limits.host_failures
        return most if host.answered else min(self._limits.first_failures, most)

    def _most_connections(self, host: _Host) -> int:
        most = self._limits.per_host
        return most if host.answered else min(self._limits.first_failures, most)

    # -- what may be done -------------------------------------------------------------------------
    def _probe(self, host: _Host, worker: str, told: HostReport, now: float) -> Grant:
        """The host was silent; one worker asks for one URL."""
        if host.probing and now < host.probing[1] and host.probing[0] != worker:
            return Grant(0, host.failures)
        if not host.probing or now >= host.probing[1]:
            if not told.waiting or self._others(host, worker, now) >= self._limits.per_host:
                return Grant(0, host.failures)
            host.probing = (worker, now + self._limits.lease)
            host.uses[worker].held = max(1, told.holding)
            return Grant(1, host.failures, starts=(0.0,))
        return Grant(1, host.failures, starts=())  # it is under way

    def _others(self, host: _Host, worker: str, now: float) -> int:
        for name in [name for name, use in host.uses.items() if use.until <= now]:
            del host.uses[name]
        return sum(use.held for name, use in host.uses.items() if name != worker)

    def _connections(self, host: _Host, worker: str, now: float) -> int:
        free = self._most_connections(host) - self._others(host, worker, now)
        if worker not in host.uses:
            return 0
        use = host.uses[worker]
        granted = max(0, min(free, self._share(host, worker, now)))
        use.held = max(granted, use.held)
        return granted

    def _share(self, host: _Host, worker: str, now: float) -> int:
        """Equal shares; what one does not want goes to the others, and an odd rest goes round."""
        left = self._most_connections(host)
        if len(host.uses) == 1:
            return min(left, host.uses[worker].wanted)
        names = sorted(host.uses)
        first = int(now / TURN) % len(names)
        open_names = names[first:] + names[:first]
        shares = dict.fromkeys(names, 0)
        while left and open_names:
            each = max(1, left // len(open_names))
            for name in open_names:
                more = min(each, left, host.uses[name].wanted - shares[name])
                shares[name] += more
                left -= more
            open_names = [name for name in open_names if shares[name] < host.uses[name].wanted]
        return shares[worker]

    def _start(self, host: _Host, told: HostReport, connections: int, now: float) -> Grant:
        wait = max(0.0, host.not_before - now)
        rate = self._limits.per_host_rate
        every = max(1 / rate if rate else 0.0, host.delay)
        if not every:
            return Grant(connections, host.failures, wait)
        first = max(now + wait, host.next_start)
        enough = told.planned * every >= AHEAD or told.planned >= told.waiting
        if enough or not connections or first > now + wait + AHEAD:
            return Grant(connections, host.failures, wait, every, starts=())
        count = min(told.waiting - told.planned, 1 + int(AHEAD / every))
        host.next_start = first + count * every
        starts = tuple(first - now + at * every for at in range(count))
        return Grant(connections, host.failures, wait, every, starts)

    def _sweep(self, now: float) -> None:
        """Forget hosts of which nobody spoke for a while, unless they asked for quiet."""
        if now - self._swept < FORGET / 10:
            return
        self._swept = now
        for key in [k for k, h in self._hosts.items() if now - h.heard > FORGET and now > h.not_before]:
            del self._hosts[key]


def closed_by_failures(outcome: Outcome, failures: int, seconds: float = PROBE_AFTER) -> Closed:
    return Closed(outcome, f"not asked: the host gave no answer {failures} times in a row", seconds)


def closed_by_wish(outcome: Outcome, seconds: float) -> Closed:
    seconds = min(seconds, LONGEST_CLOSED)
    return Closed(outcome, f"not asked: the host wants no request for {seconds:,.0f} s", seconds)
