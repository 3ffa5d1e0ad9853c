"""The count at the end of a wait: it goes on from what the wait has settled, and says how far it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts, IncrementalCount
from airflow_provider_tencent_ci.core.files.final_count import count_to_end, expected_total
from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
from tests.core.files.records import CHILD_JOB, WORKFLOW_JOB, Files, in_seconds
from tests.core.script import START, Script

ENDED = replace(WORKFLOW_JOB, state=JobState.SUCCESS, end_time=START + timedelta(seconds=9))
STATES = ("Success", "Failed", "Cancel", "Running")


class Lines:
    def __init__(self):
        self.lines = []

    def counting(self, job, counted, expected):
        self.lines.append((counted, expected))


def count_pages(counting, service, pages):
    for _ in range(pages):
        Script([service.answer], forever=True).run(counting.read_page())


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
    service.files += in_seconds(*after[:3], first=len(service.files))
    run = Script([service.answer], forever=True).run
    assert run(count_to_end(WORKFLOW_JOB, Lines(), lambda: 0.0, counting)) == run(count_files(WORKFLOW_JOB))


def test_files_that_the_wait_has_settled_are_not_read_again():
    service = Files(*in_seconds(*["Success"] * 297, *["Running"] * 3))
    counting = IncrementalCount(WORKFLOW_JOB)
    count_pages(counting, service, 100)
    for file in service.files:
        file.state = "Success"
    service.requests.clear()
    counts = Script([service.answer], forever=True).run(count_to_end(WORKFLOW_JOB, Lines(), lambda: 0.0, counting))
    assert (counts.total, len(service.requests)) == (300, 1)


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
    assert all(counted <= 6000 and expected < 7000 for counted, expected in observer.lines)


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
    assert expected_total(FileCounts(5, first_at=START, last_at=START + timedelta(seconds=5)), job) is None
