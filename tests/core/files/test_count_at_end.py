"""The count at the end of a wait: it goes on from what the wait has settled, and says how far it is."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.api.paginator import LIST_LAG
from airflow_provider_tencent_ci.core.files.count_at_end import count_to_end, expected_total
from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
from airflow_provider_tencent_ci.core.files.settled_files import IncrementalCount, SettledFiles
from tests.core.files.list_model import Listing, Overtaking
from tests.core.files.records import CHILD_JOB, WORKFLOW_JOB, File, Files, in_seconds, script_of
from tests.core.script import START, Script

ENDED = replace(WORKFLOW_JOB, state=JobState.SUCCESS, end_time=START + timedelta(seconds=9))
STATES = ("Success", "Failed", "Cancel", "Running")
AN_HOUR_LATER = START + timedelta(hours=1)


class Lines:
    def __init__(self):
        self.lines = []

    def counting(self, job, counted, expected):
        self.lines.append((counted, expected))


class LateFiles(Files):
    """
    A service that lists each file some time after it was created.

    :param listed_at: of each file, by the service's clock.
    :param script: whose clock is the service's.
    """

    def __init__(self, files, listed_at, script):
        super().__init__(size=3)
        self.all = list(zip(files, listed_at, strict=True))
        self.script = script

    def answer(self, request):
        now = self.script.now + self.script.service_ahead
        self.files = [file for file, listed_at in self.all if listed_at <= now]
        return super().answer(request)


def count_pages(counting, service, pages, now=AN_HOUR_LATER):
    script = script_of(service, now)
    for _ in range(pages):
        script.run(counting.read_page())


@given(
    st.lists(st.sampled_from(STATES), max_size=20),
    st.lists(st.sampled_from(STATES[:3]), min_size=20, max_size=20),
    st.integers(0, 12),
)
def test_the_result_is_that_of_a_count_from_the_beginning(before, after, pages):
    """However far the counts of the wait had come, also in the middle of a pass."""
    service = Files(*in_seconds(*before))
    counting = IncrementalCount(WORKFLOW_JOB)
    count_pages(counting, service, pages)
    for file, state in zip(service.files, after, strict=False):
        file.state = state if file.state == "Running" else file.state
    service.files += in_seconds(*after[:3], first=3_600)
    run = Script([service.answer], forever=True).run
    assert run(count_to_end(WORKFLOW_JOB, Lines(), lambda: 0.0, counting)) == run(count_files(WORKFLOW_JOB))


@given(
    st.lists(
        st.tuples(st.integers(0, 3_000), st.integers(0, LIST_LAG.seconds), st.sampled_from(STATES)), max_size=25
    ).map(sorted),
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 9)), max_size=8),
    st.integers(-5_000_000, 5_000_000),
)
def test_a_file_that_is_listed_late_is_counted(created, counts_of_the_wait, ahead):
    """By the service's clock, whatever this machine's says."""
    script = Script(forever=True, service_ahead=timedelta(milliseconds=ahead))
    began = (START + script.service_ahead).replace(microsecond=0)
    files = [File(n, state, began + timedelta(seconds=at)) for n, (at, _, state) in enumerate(created)]
    listed_at = [began + timedelta(seconds=at + lag) for at, lag, _ in created]
    service = LateFiles(files, listed_at, script)
    script.answers = [service.answer]
    counting = IncrementalCount(WORKFLOW_JOB)
    for seconds, pages in counts_of_the_wait:
        script.now += timedelta(seconds=seconds)
        for _ in range(pages):
            script.run(counting.read_page())
    for file in files:
        file.state = "Success" if file.state == "Running" else file.state
    counts = script.run(count_to_end(WORKFLOW_JOB, Lines(), lambda: 0.0, counting))
    assert counts == script.run(count_files(WORKFLOW_JOB))


@pytest.mark.parametrize("age", [0, LIST_LAG.seconds, LIST_LAG.seconds + 1])
def test_files_are_settled_when_they_are_older_than_the_list_may_lag(age):
    counting, listed = IncrementalCount(WORKFLOW_JOB), Files(File(1, "Success"), File(2, "Running", AN_HOUR_LATER))
    count_pages(counting, listed, 1, START + timedelta(seconds=age))
    assert counting.settled[0].counts.succeeded == (age > LIST_LAG.seconds)


def test_nothing_is_settled_while_the_service_has_not_told_its_time():
    counting, listed = IncrementalCount(WORKFLOW_JOB), Files(*in_seconds(*["Success"] * 9))
    script = Script([listed.answer], forever=True, service_ahead=None)
    script.now = AN_HOUR_LATER
    for _ in range(9):
        script.run(counting.read_page())
    assert counting.settled == [SettledFiles()]


def test_files_that_the_wait_has_settled_are_not_read_again():
    service = Files(*in_seconds(*["Success"] * 297, *["Running"] * 3))
    counting = IncrementalCount(WORKFLOW_JOB)
    count_pages(counting, service, 100)
    for file in service.files:
        file.state = "Success"
    service.requests.clear()
    counts = Script([service.answer], forever=True).run(count_to_end(WORKFLOW_JOB, Lines(), lambda: 0.0, counting))
    assert (counts.total, len(service.requests)) == (300, 1)


class Memory(dict):
    """Keeps what a count has settled."""

    def read(self, job_id):
        return self.get(job_id, [])

    def write(self, job_id, settled):
        self[job_id] = settled


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from(STATES)), min_size=50, max_size=400).map(sorted),
    st.lists(st.integers(1, 80), min_size=1, max_size=4),
    st.booleans(),
    st.integers(0, 1_000),
)
def test_a_count_that_was_broken_off_is_continued(created, steps_of_tries, ignores_windows, seed):
    """Wherever each of some tries ended. Files that are not done are not settled, also when the job has ended."""
    files = [File(number, state, START + timedelta(seconds=at)) for number, (at, state) in enumerate(created)]
    listing = Listing(files, 2, honours=() if ignores_windows else Listing.honours)
    job, memory = replace(ENDED, end_time=START + timedelta(seconds=3_000)), Memory()
    clock = itertools.count(step=10.0)

    def counting(memory):
        driver = Overtaking(listing.answer, seed, START + timedelta(seconds=2_000) + LIST_LAG)
        return driver, count_to_end(job, Lines(), lambda: next(clock), memory=memory)

    for number in steps_of_tries:
        driver, flow = counting(memory)
        for _ in itertools.islice(driver.steps(flow), number):
            pass
        for file in files:
            file.state = "Success" if file.state == "Running" and driver.chance.random() < 0.3 else file.state
    listing.requests.clear()
    driver, flow = counting(memory)
    counts, requests = driver.run(flow), len(listing.requests)
    listing.requests.clear()
    driver, flow = counting(Memory())
    assert counts == driver.run(flow)
    assert requests <= len(listing.requests) + len(files) // 4


def test_a_count_that_was_broken_off_reads_only_the_rest():
    files = [File(number, "Success", START + timedelta(seconds=number)) for number in range(4_000)]
    listing, memory, clock = Listing(files, 10), Memory(), itertools.count(step=10.0)
    job = replace(ENDED, end_time=START + timedelta(seconds=4_000))
    driver = Overtaking(listing.answer, 1, AN_HOUR_LATER + timedelta(hours=1))
    for _ in driver.steps(count_to_end(job, Lines(), lambda: next(clock), memory=memory)):
        if len(listing.requests) == 300:
            break
    [settled] = memory[job.job_id]
    assert settled.counts.total > 1_000
    listing.requests.clear()
    counts = driver.run(count_to_end(job, Lines(), lambda: next(clock), memory=memory))
    assert counts.total == 4_000
    assert len(listing.requests) <= 400 - settled.counts.total // 10 + 10


def test_settled_counts_are_written_at_most_once_in_ten_seconds():
    files, script = Files(*in_seconds(*["Success"] * 6000), size=50), Script(forever=True)
    script.now, writes = AN_HOUR_LATER + timedelta(hours=1), []

    class Noting(Memory):
        def write(self, job_id, settled):
            writes.append(script.now)

    def answer(request):
        script.now += timedelta(seconds=1)
        return files.answer(request)

    script.answers = [answer]
    job = replace(CHILD_JOB, state=JobState.SUCCESS, end_time=START + timedelta(seconds=5999))
    script.run(count_to_end(job, Lines(), lambda: script.now.timestamp(), memory=Noting()))
    pauses = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(writes)]
    assert len(writes) >= 10
    assert min(pauses) >= 10


def test_counts_of_another_job_are_not_used():
    progress = ProgressCounter(1, Lines())
    progress._counting = IncrementalCount(WORKFLOW_JOB)
    assert progress.counting_of(WORKFLOW_JOB) is progress._counting
    assert progress.counting_of(replace(WORKFLOW_JOB, job_id="b2")) is None


@pytest.mark.parametrize(("seconds", "lines"), [(0.01, 0), (1, 4), (31, 100)])
def test_a_line_is_written_about_once_in_thirty_seconds(seconds, lines):
    observer, service = Lines(), Files(*in_seconds(*["Success"] * 6000), size=50)
    script = Script(forever=True)

    def answer(request):
        script.now += timedelta(seconds=seconds)
        return service.answer(request)

    script.answers = [answer]
    job = replace(CHILD_JOB, state=JobState.SUCCESS, end_time=START + timedelta(seconds=5999))
    counts = script.run(count_to_end(job, observer, lambda: script.now.timestamp()))
    assert counts.total == 6000
    assert abs(len(observer.lines) - lines) <= max(1, 0.6 * lines)
    assert all(counted <= 6000 and 5_000 < expected < 7_000 for counted, expected in observer.lines)


@settings(max_examples=10)
@given(st.integers(1, 4), st.integers(0, 99))
def test_the_expected_total_is_right_while_windows_are_read_side_by_side(a_second, seed):
    """Files of many windows are counted before the first one is done, so the time of the newest file says little."""
    files = [File(number, "Success", START + timedelta(seconds=number // a_second)) for number in range(6_000)]
    seen = []

    def observe(running):
        if running.so_far.total >= 500:
            seen.append(expected_total(running, ended))

    ended = replace(ENDED, end_time=START + timedelta(seconds=5_999 // a_second))
    driver = Overtaking(Listing(files, 50).answer, seed)
    driver.run(count_files(ended, observe=observe))
    assert driver.most_in_flight > 4
    assert all(5_000 < expected < 7_500 for expected in seen), seen


@pytest.mark.parametrize(
    "job",
    [
        WORKFLOW_JOB,
        replace(
            WORKFLOW_JOB,
            operation={"WorkflowIds": "w1,w2"},
            state=JobState.SUCCESS,
            end_time=START + timedelta(seconds=9),
        ),
    ],
    ids=["without an end", "several lists"],
)
def test_no_total_is_expected_where_none_can_be_told(job):
    counts = FileCounts(5, first_at=START, last_at=START + timedelta(seconds=5))
    assert expected_total(SimpleNamespace(so_far=counts, covered=timedelta(seconds=5)), job) is None
