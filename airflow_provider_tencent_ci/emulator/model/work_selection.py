"""
The works of a batch that a list wants, found without a look at each of them.

Works begin and end in the order of their numbers. So at any moment the first ones are done, then some run, and the rest
has not begun; and a work is created no earlier than the one before it. Binary searches find these borders.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime

from airflow_provider_tencent_ci.emulator.model.jobs import Job, Status, Timeline
from airflow_provider_tencent_ci.emulator.model.lazy_sequences import Complement, Joined
from airflow_provider_tencent_ci.emulator.model.list_pages import Filters
from airflow_provider_tencent_ci.emulator.model.work_on_files import Work
from airflow_provider_tencent_ci.emulator.protocol.answer_times import to_the_second

__all__ = ["WorkSelection"]


class WorkSelection:
    """
    The works of a batch at one moment.

    :param timeline: the batch's; computed once for all works.
    """

    def __init__(self, job: Job, timeline: Timeline, now: datetime) -> None:
        self._job = job
        self._timeline = timeline
        self._now = now
        self._numbers = range(len(job.works))

    def select(self, filters: Filters, key: str = "") -> Sequence[int]:
        """
        Return the numbers of the works with the wanted states and times of creation, in rising order.

        :param key: only those on this file; empty: on any.
        """
        within = self._within(filters)
        if key:
            turns = self._job.works.with_key(key)
            within = range(max(within.start, turns.start), min(within.stop, turns.stop))
        return Joined(_between(numbers, within) for numbers in self._by_state(filters.states, within))

    def created_at(self, number: int) -> datetime:
        """Return when a work that exists was created, by the service's clock."""
        created_at = self._job.work_created_at(number, self._timeline)
        if created_at is None:
            raise LookupError(f"File {number} of batch {self._job.job_id} does not exist.")
        return created_at + self._job.behaviour.clock.offset

    def status(self, work: Work) -> Status:
        """Return the state of a work as lists show it."""
        return self._job.shown_status(work, self._timeline, self._now)

    def _within(self, filters: Filters) -> range:
        """Return the works that exist, and were created within the bounds of the filters, which are inclusive."""
        existing = range(bisect_left(self._numbers, True, key=lambda number: not self._exists(number)))
        earliest, latest = filters.earliest_at, filters.latest_at
        start = 0 if earliest is None else bisect_left(existing, earliest, key=self._shown_at)
        stop = len(existing) if latest is None else bisect_right(existing, latest, key=self._shown_at)
        return range(start, stop)

    def _by_state(self, states: frozenset[str] | None, within: range) -> Iterator[Sequence[int]]:
        """Yield the works in wanted states: first of those that are done, then of those that run, then of the rest."""
        if states is None:
            yield within
            return
        running_from, waiting_from = (bisect_left(within, stage, key=self._stage) for stage in (1, 2))
        done, running, rest = within[:running_from], within[running_from:waiting_from], within[waiting_from:]
        if {"Success", "Failed"} <= states:
            yield done
        elif "Failed" in states and done:
            yield Joined([_between(self._job.works.failing, done)])
        elif "Success" in states and done:
            yield Joined([_between(Complement(len(self._numbers), self._job.works.failing), done)])
        if "Running" in states:
            yield running
        if rest and self.status(self._job.works[rest.start]).state in states:
            yield rest

    def _exists(self, number: int) -> bool:
        created_at, ending = self._job.work_created_at(number, self._timeline), self._timeline.ending
        never_started = ending and created_at and ending.ends_at < created_at
        return created_at is not None and created_at <= self._now and not never_started

    def _shown_at(self, number: int) -> datetime:
        return to_the_second(self.created_at(number))

    def _stage(self, number: int) -> int:
        """Return 0 for a work that was done, 1 for one that runs, 2 for one that has not begun."""
        turn = self._job.turn_of(number, self._timeline)
        if turn.begins_at is None or turn.begins_at > self._now:
            return 2
        return 0 if turn.ends_at and turn.ends_at <= self._now else 1


def _between(numbers: Sequence[int], within: range) -> tuple[Sequence[int], int, int]:
    """Return the part of rising numbers that is within a range."""
    return numbers, bisect_left(numbers, within.start), bisect_left(numbers, within.stop)
