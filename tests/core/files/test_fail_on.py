"""Whether the files of a succeeded job pass the rules; they are judged with as few requests as the rules allow."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.fail_on import check_files, needs_counts, search_failed
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.exceptions import FilesFailedError, NoFilesError
from tests.core.files.records import CHILD_JOB, WORKFLOW_JOB, Files, in_seconds
from tests.core.script import Script

PAGE = 3
STATES = ("Success", "Failed", "Cancel", "Running")


@pytest.mark.parametrize(
    ("fail_on", "failed", "total", "is_good"),
    [
        ("job", 10, 10, True),
        ("any", 0, 10, True),
        ("any", 1, 10_000, False),
        (0.05, 4, 100, True),
        (0.05, 5, 100, False),
        (0.03, 300, 10_000, False),
        (0.5, 0, 0, True),
        (0.001, 0, 10, True),
        (0.999, 1, 1, False),
        (1, 1, 10, False),
        (10, 9, 10, True),
        (10, 10, 10_000, False),
    ],
)
def test_fail_on_sets_the_number_of_files_that_may_fail(fail_on, failed, total, is_good):
    counts = FileCounts(succeeded=total - failed, failed=failed)
    if is_good:
        check_files(WORKFLOW_JOB, counts, fail_on, "succeed")
    else:
        with pytest.raises(FilesFailedError, match=f"b1 .*{failed:,} of its {total:,} files failed") as caught:
            check_files(WORKFLOW_JOB, counts, fail_on, "succeed")
        assert caught.value.job is WORKFLOW_JOB


@pytest.mark.parametrize(("on_empty", "is_good"), [("succeed", True), ("fail", False), ("skip", False)])
def test_on_empty_decides_about_a_job_without_files(on_empty, is_good):
    if is_good:
        check_files(WORKFLOW_JOB, FileCounts(), "any", on_empty)
    else:
        with pytest.raises(NoFilesError, match="b1 .*no file matched"):
            check_files(WORKFLOW_JOB, FileCounts(), "any", on_empty)


@pytest.mark.parametrize("fail_on", ["job", "any", 0.05, 0.999, 1, 10])
@pytest.mark.parametrize("on_empty", ["fail", "skip", "succeed"])
def test_all_rules_but_the_default_ones_need_counts(fail_on, on_empty):
    assert needs_counts(fail_on, on_empty) is ((fail_on, on_empty) != ("job", "succeed"))


def judged(judge):
    try:
        judge()
    except (FilesFailedError, NoFilesError) as error:
        return type(error)
    return None


@given(
    st.lists(st.sampled_from(STATES), max_size=12),
    st.sampled_from(["job", "any", 1, 2, 3, 7]),
    st.sampled_from(["succeed", "skip", "fail"]),
    st.sampled_from([WORKFLOW_JOB, CHILD_JOB]),
)
def test_the_judgement_is_that_of_a_full_count(states, fail_on, on_empty, job):
    run = Script([Files(*in_seconds(*states)).answer], forever=True).run
    counts = run(count_files(job))
    search = run(search_failed(job, fail_on, on_empty))
    assert judged(lambda: search.check(job, fail_on, on_empty)) == judged(
        lambda: check_files(job, counts, fail_on, on_empty)
    )


MATRIX = list(itertools.product(["job", "any", 1, 4, 7], ["succeed", "fail"], [0, 1, 4, 30], [0, 30]))


@pytest.mark.parametrize(("fail_on", "on_empty", "failed", "succeeded"), MATRIX)
def test_only_what_decides_is_asked(fail_on, on_empty, failed, succeeded):
    files = Files(*in_seconds(*["Success"] * succeeded, *["Failed"] * failed), size=PAGE)
    script = Script([files.answer], forever=True)
    script.run(search_failed(WORKFLOW_JOB, fail_on, on_empty))
    most = {"job": 0, "any": 1}.get(fail_on, fail_on)
    wanted = max(1, math.ceil(min(failed, most) / PAGE)) if most else 0
    found = most and failed
    asked = [dict(request.query).get("states") for request in files.requests]
    assert asked == ["Failed"] * wanted + [None] * (on_empty != "succeed" and not found)


def test_a_filter_that_the_service_ignores_finds_no_failed_file():
    files = Files(*in_seconds("Success", "Success"))
    script = Script([lambda request: files.answer(without_states(request))], forever=True)
    assert script.run(search_failed(WORKFLOW_JOB, "any", "succeed")).failed == 0


def without_states(request):
    return replace(request, query=tuple(pair for pair in request.query if pair[0] != "states"))
