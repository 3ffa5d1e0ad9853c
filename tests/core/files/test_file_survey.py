"""A survey of a batch's files: bounded, with a stable sample, and the curve made from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.api.file_lists import file_lists_of
from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.file_survey import DoneBy, done_over_time, survey_files
from airflow_provider_tencent_ci.exceptions import ServiceUnavailableError
from tests.core.files.records import CHILD_JOB, WORKFLOW_JOB, File, Files, in_seconds
from tests.core.script import START, Script, failure, respond

SUCCESS, FAILED, CANCEL = JobState.SUCCESS, JobState.FAILED, JobState.CANCEL


def look(service, job=WORKFLOW_JOB, most_pages=100):
    return Script([service.answer], forever=True).run(survey_files(job, most_pages, 60))


def after(seconds):
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize("job", [WORKFLOW_JOB, CHILD_JOB], ids=["workflow", "job"])
def test_a_survey_counts_files_by_their_states(job):
    survey = look(Files(*in_seconds("Success", "Success", "Failed", "Cancel", "Running", "Submitted", "Unheard")), job)
    counts = survey.counts
    assert (counts.succeeded, counts.failed, counts.cancelled, counts.running) == (2, 1, 1, 3)
    assert (counts.first_at, counts.last_at) == (START, after(6))
    assert survey.is_complete
    assert len(survey.sample) == survey.counts.done


def test_no_files_count_zero():
    survey = look(Files())
    assert (survey.counts, survey.is_complete, survey.sample) == (FileCounts(), True, ())


PAGES = {"fewer pages": (2, 6, False), "just enough": (3, 9, True), "more than there are": (4, 9, True)}


@pytest.mark.parametrize(("most_pages", "seen", "is_complete"), PAGES.values(), ids=PAGES.keys())
def test_the_number_of_pages_is_limited(most_pages, seen, is_complete):
    service = Files(*in_seconds(*["Success"] * 9))
    survey = look(service, most_pages=most_pages)
    assert (survey.counts.total, survey.is_complete) == (seen, is_complete)
    assert len(service.requests) == min(most_pages, 3)


def test_the_limit_of_pages_covers_all_workflows():
    files = [*in_seconds(*["Success"] * 3), *(File(number, "Failed", workflow_id="w2") for number in range(3, 9))]
    service, job = Files(*files), replace(WORKFLOW_JOB, operation={"WorkflowIds": "w1,w2"})
    survey = look(service, job, most_pages=2)
    assert (survey.counts.succeeded, survey.counts.failed, survey.is_complete) == (3, 3, False)
    assert not look(service, job, most_pages=1).is_complete


def test_the_sample_has_a_limit_for_each_state_and_is_stable():
    states = ["Success"] * 300 + ["Failed"] * 100 + ["Cancel"] * 50 + ["Running"] * 10
    service = Files(*in_seconds(*states), size=100)
    survey = look(service)
    assert Counter(file.run.state for file in survey.sample) == {SUCCESS: 32, FAILED: 16, CANCEL: 8}
    assert len(survey.sample) < survey.counts.done
    chosen = {file.run.run_id for file in survey.sample}
    assert {file.run.run_id for file in look(service).sample} == chosen
    service.files.append(File(1000, "Success"))
    assert len({file.run.run_id for file in look(service).sample} - chosen) <= 1
    numbers = sorted(int(run_id[1:]) for run_id in chosen if int(run_id[1:]) < 300)
    assert numbers[0] < 75
    assert numbers[-1] > 225  # from the complete list


def test_the_same_file_in_two_lists_causes_no_error():
    twins = [File(1, "Success"), File(1, "Success", workflow_id="w2")]
    assert look(Files(*twins), replace(WORKFLOW_JOB, operation={"WorkflowIds": "w1,w2"})).counts.succeeded == 2


def test_a_slow_service_is_read_for_a_limited_time():
    service = Files(*in_seconds(*["Success"] * 30))
    script = Script(forever=True)

    def answer_late(request):
        script.now += timedelta(seconds=5)
        return service.answer(request)

    script.answers = [answer_late]
    survey = script.run(survey_files(WORKFLOW_JOB, 100, 12))
    assert (survey.counts.total, survey.is_complete) == (9, False)


def test_a_request_is_not_retried_after_an_error():
    with pytest.raises(ServiceUnavailableError):
        Script([failure(503)]).run(survey_files(WORKFLOW_JOB, 5, 60))


def test_an_execution_ends_with_its_last_node():
    [file] = look(Files(*in_seconds("Success"))).sample
    tasks = "".join(
        f"<Tasks><Name>{name}</Name><EndTime>{end}</EndTime></Tasks>"
        for name, end in (("a", "2026-01-01T10:00:00+0800"), ("b", "2026-01-01T10:00:07+0800"), ("c", "-"))
    )
    answer = respond(f"<Response><WorkflowExecution>{tasks}</WorkflowExecution></Response>")
    ended_at = Script([answer]).run(file.files.find_end(file.run))
    assert ended_at.isoformat() == "2026-01-01T10:00:07+08:00"


def test_the_end_of_a_child_job_is_read_from_its_list():
    [files] = file_lists_of(CHILD_JOB)
    job = "<JobsDetail><JobId>j1</JobId><State>Success</State><EndTime>2026-01-01T10:00:00+0800</EndTime></JobsDetail>"
    [run] = files.read_page(respond(f"<Response>{job}</Response>")).items
    assert Script([]).run(files.find_end(run)) == run.ended_at
    assert run.ended_at.isoformat() == "2026-01-01T10:00:00+08:00"


def test_a_curve_counts_the_finished_files_up_to_each_time():
    ends = [(SUCCESS, after(0)), (FAILED, after(5)), (SUCCESS, after(10)), (CANCEL, after(10))]
    counts = FileCounts(succeeded=2, failed=1, cancelled=1)
    assert done_over_time(ends, counts, 3) == [
        DoneBy(after(0), 1, 0, 0),
        DoneBy(after(5), 1, 1, 0),
        DoneBy(after(10), 2, 1, 1),
    ]


def test_the_curve_of_a_sample_ends_at_the_counts():
    ends = [(SUCCESS, after(second)) for second in range(10)] + [(FAILED, after(9))]
    points = done_over_time(ends, FileCounts(succeeded=1000, failed=7), 10)
    assert [point.succeeded for point in points] == [100 * number for number in range(1, 11)]
    assert [point.failed for point in points] == [0] * 9 + [7]


def test_a_curve_never_falls_and_has_few_points():
    ends = [(SUCCESS, after(number**2)) for number in range(500)]
    points = done_over_time(ends, FileCounts(succeeded=500))
    assert len(points) == 120
    assert [point.succeeded for point in points] == sorted(point.succeeded for point in points)


def test_files_that_end_at_the_same_time_make_one_point():
    assert done_over_time([(SUCCESS, START)] * 3, FileCounts(succeeded=3)) == [DoneBy(START, 3, 0, 0)]
    assert done_over_time([], FileCounts()) == []
