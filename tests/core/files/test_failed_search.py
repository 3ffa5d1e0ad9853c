"""Files are judged with as few requests as the rule allows; the judgement is that of a full count."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.fail_on import check_files
from airflow_provider_tencent_ci.core.files.failed_search import search_failed
from airflow_provider_tencent_ci.exceptions import FilesFailedError, NoFilesError
from tests.core.files.records import CHILD_JOB, WORKFLOW_JOB, Files, in_seconds
from tests.core.script import Script

PAGE = 3
STATES = ("Success", "Failed", "Cancel", "Running")


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
