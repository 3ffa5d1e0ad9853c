"""Clients and a service that limits its requests, in simulated time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from airflow_provider_tencent_ci.core.wire.messages import Priority
from airflow_provider_tencent_ci.core.wire.rate_limit import RateLimit
from tests.core.script import START

Process = Generator[float, None, None]


class Limiter(Protocol):
    def accepts(self, now: float) -> bool: ...


@dataclass
class Bucket:
    """A token bucket, as gateways have it; it is full at first."""

    per_second: float
    burst: float
    _tokens: float = field(init=False)
    _at: float = 0

    def __post_init__(self) -> None:
        self._tokens = self.burst

    def accepts(self, now: float) -> bool:
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass
class Windows:
    """So many requests in each second of the clock."""

    per_second: float
    _second: int = 0
    _used: int = 0

    def accepts(self, now: float) -> bool:
        if int(now) != self._second:
            self._second, self._used = int(now), 0
        self._used += 1
        return self._used <= self.per_second


class Unlimited:
    def accepts(self, now: float) -> bool:
        return True


@dataclass
class Outage:
    """Refuses everything for a time."""

    limiter: Limiter
    from_second: float
    to_second: float

    def accepts(self, now: float) -> bool:
        return not self.from_second <= now < self.to_second and self.limiter.accepts(now)


@dataclass
class Simulation:
    """
    :ivar accepted: when requests of the count were accepted.
    :ivar refused: when they were refused.
    :ivar poll_waits: how long each poll waited for its turn.
    """

    limiter: Limiter
    latency: float
    seed: int = 0
    rate_limit: RateLimit = field(default_factory=RateLimit)
    now: float = 0
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    poll_waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Process]] = []

    def start(self, process: Process, at: float = 0) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), process))

    def run(self, seconds: float) -> Simulation:
        while self._due and self._due[0][0] <= seconds:
            self.now, _, process = heapq.heappop(self._due)
            if (pause := next(process, None)) is not None:
                self.start(process, self.now + pause)
        return self

    def count(self, requests: int, connections: int = 16) -> Simulation:
        """Send so many requests, side by side; a refused one is repeated after a pause."""
        left = iter(range(requests))
        for _ in range(connections):
            self.start(self._requests(left))
        return self

    def poll(self, every: float, priority: Priority = Priority.NORMAL) -> Simulation:
        self.start(self._polls(every, priority), every)
        return self

    def others(self, per_second: float) -> Simulation:
        """Another client, which does not care."""
        self.start(self._others(per_second))
        return self

    def _requests(self, left: Iterator[int]) -> Process:
        for _ in left:
            for attempt in itertools.count():
                if (yield from self._request(Priority.BACKGROUND)):
                    self.accepted.append(self.now)
                    break
                self.refused.append(self.now)
                yield min(20, 2**attempt) * self.chance.uniform(0.5, 1)

    def _polls(self, every: float, priority: Priority) -> Process:
        while True:
            began_at = self.now
            yield from self._turn(priority)
            self.poll_waits.append(self.now - began_at)
            yield every

    def _others(self, per_second: float) -> Process:
        while True:
            self.limiter.accepts(self.now)
            yield self.chance.expovariate(per_second)

    def _request(self, priority: Priority) -> Generator[float, None, bool]:
        turn = yield from self._turn(priority)
        yield self._half_way()
        is_accepted = self.limiter.accepts(self.now)
        yield self._half_way()
        turn.answered(self._clock(), is_refused=not is_accepted)
        return is_accepted

    def _turn(self, priority: Priority):
        turn = self.rate_limit.reserve(self._clock(), priority)
        while turn.wait_seconds > 0:
            yield turn.wait_seconds
            turn = turn.waited(self._clock())
        return turn

    def _half_way(self) -> float:
        return self.latency / 2 * self.chance.uniform(0.8, 1.3)

    def _clock(self):
        return START + timedelta(seconds=self.now)
