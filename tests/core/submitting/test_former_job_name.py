"""Under which name of an earlier release the job of a mapped task may be listed."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.submitting.former_job_name import former_readable


@pytest.mark.parametrize(
    ("is_mapped", "given_name", "former"),
    [(True, None, "nightly-submit"), (True, "films", ""), (False, None, ""), (False, "films", "")],
)
def test_only_a_mapped_task_without_a_given_name_had_another_name(is_mapped, given_name, former):
    assert former_readable("nightly", "submit", is_mapped=is_mapped, given_name=given_name) == former
