"""Whether the files of a succeeded job pass the rules."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.files.fail_on import check_files, needs_counts
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.exceptions import FilesFailedError, NoFilesError
from tests.core.files.records import WORKFLOW_JOB


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
