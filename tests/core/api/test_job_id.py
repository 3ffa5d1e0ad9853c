"""The rule for the ids of batch jobs."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.api.job_id import check_job_id
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError


@pytest.mark.parametrize("job_id", ["b0123456789abcdef0123456789abcdef", "aGVsbG8=", "a/b+c~d-e_f.g"])
def test_an_id_is_returned_as_it_is(job_id):
    assert check_job_id(job_id) == job_id


@pytest.mark.parametrize("job_id", ["", ".", "..", "a b", "a?b", "\u4e2d", None, 7, b"b0"])
def test_anything_else_is_refused(job_id):
    with pytest.raises(InvalidArgumentError, match="job_id"):
        check_job_id(job_id)


@pytest.mark.parametrize("job_ids", [["b1", "b2"], ("b1",), []])
def test_the_results_of_a_mapped_task_are_refused_with_what_to_write(job_ids):
    with pytest.raises(InvalidArgumentError, match=r"Map this task, too: .*expand.job_id=submit.output"):
        check_job_id(job_ids)
