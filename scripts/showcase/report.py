"""The report after the end of the run."""

from __future__ import annotations

from airflow_provider_tencent_ci.core.api.job_records import JobState
from showcase.display import Display
from showcase.following import MOST_FILES, Batch, SecondsIn

__all__ = ["closing_words", "print_batch"]


def print_batch(display: Display, batch: Batch) -> None:
    """Print the files of a batch, failed ones first, and the batch itself."""
    files = sorted(batch.files, key=lambda file: (file.state is JobState.SUCCESS, file.object_key))[:MOST_FILES]
    rows = [
        (file.object_key, file.state.value, "" if file.state is JobState.SUCCESS else file.run_id) for file in files
    ]
    if more := batch.counts.total - len(files):
        rows.append((f"… and {more:,} more", "", ""))
    if rows:
        display.table("Files", ("key", "state", "execution"), rows)
    display.facts("Batch job", _facts(batch))


def _facts(batch: Batch) -> list[tuple[str, str]]:
    job = batch.job
    ended = job.end_time if job.state.is_terminal else None
    took = f"{(ended - job.creation_time).total_seconds():.0f} s" if ended and job.creation_time else "not known"
    facts = [
        ("name", job.name),
        ("id", job.job_id),
        ("state", job.state.value),
        ("created", job.creation_time.isoformat(" ") if job.creation_time else "not known"),
        ("took", took),
        ("files", f"{batch.counts.succeeded:,} done, {batch.failed:,} failed, of {batch.counts.total:,}"),
    ]
    if job.message and job.state is JobState.FAILED:
        facts.append(("message", f"{job.code} {job.message}".strip()))
    return facts


def closing_words(batch: Batch, seconds_in: SecondsIn) -> str:
    """Print the summary of the run."""
    deferred, running = seconds_in["wait", "deferred"], seconds_in["wait", "running"]
    words = (
        f"The DAG submitted one batch job and waited for it. The waiting task was deferred for {deferred:.0f} s, in "
        f"which it held no worker, and ran on one for about {max(running, 1):.0f} s."
    )
    if not batch.counts.total:
        words += " It found no file: none below the prefix was uploaded in the time that the DAG run is for."
    if batch.failed and batch.job.state is JobState.SUCCESS:
        words += (
            f" {batch.failed:,} of {batch.counts.total:,} files failed. The state of the batch job is Success all the "
            "same."
        )
    return words
