"""
A quick survey of a batch's files, for the web page, which does not wait for a full count.

It reads a bounded number of list pages, and takes a sample of the files that are done. The sample is the same in each
survey. The end times of its files, which the list of executions lacks, can be requested one by one.
"""

from __future__ import annotations

import heapq
import itertools
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.api.file_lists import FileList, file_lists_of, list_files_page
from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.paginator import Paginator
from airflow_provider_tencent_ci.core.files.file_counts import CountBuilder, FileCounts
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY

# The sample has at most this many files of each state, since each end time of a workflow's file costs one request.
_SAMPLE_SIZES = {JobState.SUCCESS: 32, JobState.FAILED: 16, JobState.CANCEL: 8}


@dataclass(frozen=True, slots=True)
class SampledFile:
    """A file that is done, and the list that it is in."""

    files: FileList
    run: FileRun


@dataclass(frozen=True, slots=True)
class Survey:
    """
    The result of a survey.

    :param counts: the counts of the files on the pages that were read.
    :param is_complete: whether all pages were read; if not, there may be more files.
    :param sample: some files of each state that are done; all of them if they are few.
    """

    counts: FileCounts
    is_complete: bool
    sample: tuple[SampledFile, ...]


@dataclass(frozen=True, slots=True)
class DoneBy:
    """How many files were done at a time (aware), by how they ended."""

    at: datetime
    succeeded: int
    failed: int
    cancelled: int


def survey_files(job: InventoryJob, most_pages: int, within_seconds: float) -> Flow[Survey]:
    """
    Read the lists of a batch's files, oldest first.

    No request is retried: the page can be reloaded.

    :param most_pages: pages of 100 to read at most.
    :param within_seconds: no page is requested later than this.
    :raises UnreadableResponseError: the record does not say what the batch runs.
    :raises ApiError: the service's error.
    :raises TransportError: no answer.
    """
    seen, is_complete = _SurveyBuilder(), True
    until = (yield from current_time()) + timedelta(seconds=within_seconds)
    for files in file_lists_of(job):
        pages = Paginator()
        while pages.next_token is not None and most_pages and (yield from current_time()) <= until:
            most_pages -= 1
            for run in pages.new_items((yield from list_files_page(files, pages.next_token, retry=NO_RETRY))):
                seen.add(files, run)
        is_complete = is_complete and pages.next_token is None
    return Survey(seen.builder.counts, is_complete, tuple(seen.sample))


def done_over_time(
    ends: Iterable[tuple[JobState, datetime]], counts: FileCounts, most_points: int = 120
) -> list[DoneBy]:
    """
    Return how many files were done at each of some equidistant times, from the first to the last known end.

    :param ends: how and when some files ended: all that are done, or a sample of each state.
    :param counts: of all files. Each state's curve ends at its count, whatever part of it ``ends`` knows.
    :param most_points: the number of times, two at least.
    """
    known = sorted(ends, key=lambda end: end[1])
    if not known:
        return []
    totals = {JobState.SUCCESS: counts.succeeded, JobState.FAILED: counts.failed, JobState.CANCEL: counts.cancelled}
    in_sample = Counter(state for state, _ in known)
    points, seen, left = [], Counter[JobState](), list(reversed(known))
    for at in _times(known[0][1], known[-1][1], most_points):
        while left and left[-1][1] <= at:
            seen[left.pop()[0]] += 1
        done = {state: round(total * seen[state] / (in_sample[state] or 1)) for state, total in totals.items()}
        points.append(DoneBy(at, done[JobState.SUCCESS], done[JobState.FAILED], done[JobState.CANCEL]))
    return points


def _times(first_at: datetime, last_at: datetime, most: int) -> Sequence[datetime]:
    if first_at == last_at:
        return [first_at]
    steps = most - 1
    return [*(first_at + (last_at - first_at) * step / steps for step in range(steps)), last_at]


class _SurveyBuilder:
    """
    The files of the pages that were read.

    The sample has the files of each state whose ids have the smallest checksums: an unbiased choice, and always the
    same one.
    """

    def __init__(self) -> None:
        self.builder = CountBuilder()
        self._numbers = itertools.count()
        self._chosen: dict[JobState, list[tuple[int, int, SampledFile]]] = {state: [] for state in _SAMPLE_SIZES}

    @property
    def sample(self) -> Iterator[SampledFile]:
        """The files of the states in turn, so that the first N files have some of each state."""
        turns = itertools.zip_longest(*self._chosen.values())
        return (ranked[-1] for turn in turns for ranked in turn if ranked)

    def add(self, files: FileList, run: FileRun) -> None:
        self.builder.add(run)
        if (chosen := self._chosen.get(run.state)) is not None:
            # The number decides between two equal checksums.
            rank = (-zlib.crc32(run.run_id.encode()), next(self._numbers), SampledFile(files, run))
            if len(chosen) < _SAMPLE_SIZES[run.state]:
                heapq.heappush(chosen, rank)
            else:
                heapq.heappushpop(chosen, rank)
