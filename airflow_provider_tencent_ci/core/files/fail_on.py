"""The rules for the files of a job that succeeded: how many may fail, and whether there must be any."""

from __future__ import annotations

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.wire.texts import shortened
from airflow_provider_tencent_ci.exceptions import FilesFailedError, NoFilesError

# "job", "any", a share of the files (a float between 0 and 1), or a number of files.
FailOn = str | float


def needs_counts(fail_on: FailOn, on_empty: str) -> bool:
    """Whether the files have to be counted to judge a job that succeeded."""
    return fail_on != "job" or on_empty != "succeed"


def needs_totals(fail_on: FailOn) -> bool:
    """Whether all files have to be counted: a share cannot be judged by the failed ones alone."""
    return not isinstance(fail_on, str) and fail_on < 1


def check_files(job: InventoryJob, counts: FileCounts, fail_on: FailOn, on_empty: str) -> None:
    """
    Judge a job that succeeded by its files.

    :param fail_on: ``"job"``: files do not matter; ``"any"``: no file may fail; a share or a number: at least that
        many failed files are too many.
    :param on_empty: what a job without files means; ``"succeed"`` allows it.
    :raises FilesFailedError: too many failed.
    :raises NoFilesError: there is no file.
    """
    if counts.total == 0 and on_empty != "succeed":
        raise no_files(job, on_empty)
    if counts.failed >= failure_threshold(fail_on, counts.total):
        share = f"{counts.failed:,} of its {counts.total:,} files failed ({counts.failed / counts.total:.1%})"
        raise too_many_failed(job, share, fail_on)


def no_files(job: InventoryJob, on_empty: str) -> NoFilesError:
    """Return the error of a job without files that must have some."""
    return NoFilesError(
        f"Batch job {job.job_id} ({shortened(job.name, 128)}) succeeded, and no file matched its input. "
        f"on_empty={on_empty!r} does not take that for success.",
        job=job,
    )


def too_many_failed(job: InventoryJob, how_many: str, fail_on: FailOn) -> FilesFailedError:
    """
    Return the error of a job with too many failed files.

    :param how_many: failed, in words.
    """
    return FilesFailedError(
        f"Batch job {job.job_id} ({shortened(job.name, 128)}) succeeded, but {how_many}, which is too many for "
        f"fail_on={fail_on!r}. The log names the first of them; a failures_path lists all.",
        job=job,
    )


def failure_threshold(fail_on: FailOn, total: int = 0) -> float:
    """
    Return how many failed files are too many; infinite for ``"job"``.

    :param total: of all files; only a share needs it.
    """
    if isinstance(fail_on, str):
        return 1 if fail_on == "any" else float("inf")
    # Without files, no share of them has failed.
    return fail_on if fail_on >= 1 else max(fail_on * total, 1)
