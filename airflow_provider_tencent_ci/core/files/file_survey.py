"""
A quick survey of a batch's files, for the web page and the commands, which do not wait for a full count.

It reads a bounded number of list pages: a short list is counted, a long one is estimated (:mod:`.list_survey`). And it
takes a sample of the files that are done. The sample is the same in each survey. The end times of its files, which the
list of executions lacks, can be requested one by one.
"""

from __future__ import annotations

import heapq
import itertools
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.api.file_lists import FileList, file_lists_of
from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.list_survey import ListReader, ListSurvey, in_groups
from airflow_provider_tencent_ci.core.wire.flow_steps import current_time
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, RequestRetry

# The sample has at most this many files of each state, since each end time of a workflow's file costs one request.
_SAMPLE_SIZES = {JobState.SUCCESS: 32, JobState.FAILED: 16, JobState.CANCEL: 8}


# The largest number of pages for an estimate, in addition to the pages that are read in order. At 20 ms a request they
# take less than a second, also in a process whose rate limit is still low.
_MOST_SAMPLES = 24


@dataclass(frozen=True, slots=True)
class SampledFile:
    """A file that is done, and the list that it is in."""

    files: FileList
    run: FileRun


@dataclass(frozen=True, slots=True)
class Survey:
    """
    The result of a survey.

    :param counts: the counts of all files if it is complete or an estimate; otherwise of those that were found.
    :param is_complete: whether all pages were read.
    :param sample: some files of each state that are done; all of them if they are few.
    :param is_estimate: whether the counts are estimated from samples of the lists.
    """

    counts: FileCounts
    is_complete: bool
    sample: tuple[SampledFile, ...]
    is_estimate: bool = False

    @classmethod
    def of_all(cls, counts: FileCounts) -> Survey:
        """Return the result of a count of all files, without a sample."""
        return cls(counts, is_complete=True, sample=())


@dataclass(frozen=True, slots=True)
class DoneBy:
    """How many files were done at a time (aware), by how they ended."""

    at: datetime
    succeeded: int
    failed: int
    cancelled: int


def survey_files(
    job: InventoryJob,
    most_pages: int = 20,
    within_seconds: float = 12,
    retry: RequestRetry = NO_RETRY,
) -> Flow[Survey]:
    """
    Look at the lists of a batch's files: count them, or estimate their number.

    At most ``most_pages`` requests, 24 more for an estimate, and one more for each list are sent. Retries come on top.

    :param most_pages: how many pages of 100 files are read in order, at most. The default, 20 pages, is 2,000 files. At
        20 ms a request this takes 0.4 s.
    :param within_seconds: no page is requested later than this; by default so late that a slow service is still read.
    :param retry: of requests that are not for an estimate; none by default, since the page can be reloaded.
    :raises UnreadableResponseError: the record does not say what the batch runs.
    :raises ApiError: the service's error.
    :raises TransportError: no answer.
    """
    seen, parts, lists = _SurveyBuilder(), [], file_lists_of(job)
    until = (yield from current_time()) + timedelta(seconds=within_seconds)
    for number, files in enumerate(lists, 1):
        own_pages = min(most_pages, max(1, most_pages - (len(lists) - number)))
        reader = ListReader(files, job.ended_at, own_pages, _MOST_SAMPLES // len(lists), retry)
        parts.append((yield from reader.read(until)))
        most_pages -= reader.head.pages_read
        for run, weight in in_groups(parts[-1]):
            seen.add(files, run, weight)
    return _survey_of(parts, seen)


def _survey_of(parts: Sequence[ListSurvey], seen: _SurveyBuilder) -> Survey:
    counts = sum((part.counts for part in parts), FileCounts())
    is_complete = all(part.is_complete for part in parts)
    is_estimate = not is_complete and all(part.is_complete or part.is_estimate for part in parts)
    return Survey(counts, is_complete, tuple(seen.sample), is_estimate)


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
    The files that were found.

    The sample has the files of each state whose ids have the smallest checksums: an unbiased choice, and always the
    same one. A file that stands for several is chosen as often as these together would be.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._chosen: dict[JobState, list[tuple[float, int, SampledFile]]] = {state: [] for state in _SAMPLE_SIZES}

    @property
    def sample(self) -> Iterator[SampledFile]:
        """The files of the states in turn, so that the first N files have some of each state."""
        turns = itertools.zip_longest(*self._chosen.values())
        return (ranked[-1] for turn in turns for ranked in turn if ranked)

    def add(self, files: FileList, run: FileRun, weight: float) -> None:
        if (chosen := self._chosen.get(run.state)) is not None:
            # The number decides between two equal checksums.
            rank = (_rank(run.run_id, weight), next(self._numbers), SampledFile(files, run))
            if len(chosen) < _SAMPLE_SIZES[run.state]:
                heapq.heappush(chosen, rank)
            else:
                heapq.heappushpop(chosen, rank)


def _rank(run_id: str, weight: float) -> float:
    """Return a number up to 0, the higher the sooner it is chosen (weighted sampling of Efraimidis and Spirakis)."""
    return math.log1p(-zlib.crc32(run_id.encode()) / 2**32) / weight
