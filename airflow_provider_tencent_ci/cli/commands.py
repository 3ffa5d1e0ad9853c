"""The functions of the commands; :mod:`.definition` has their names and arguments."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from airflow_provider_tencent_ci.cli.connection_arguments import command_place, opened_hook
from airflow_provider_tencent_ci.cli.exit_status import CommandError, command
from airflow_provider_tencent_ci.cli.file_counting import count_all, look_quickly
from airflow_provider_tencent_ci.cli.job_follow import follow, following
from airflow_provider_tencent_ci.cli.note_file import NoteFile
from airflow_provider_tencent_ci.cli.since_argument import since_time
from airflow_provider_tencent_ci.cli.streams import say
from airflow_provider_tencent_ci.cli.tables import (
    facts_of,
    files_text,
    job_row,
    print_facts,
    print_json_line,
    print_records,
    print_text,
    record_of,
)
from airflow_provider_tencent_ci.core.api.job_calls import get_job
from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.api.paginator import MAX_PAGE_SIZE
from airflow_provider_tencent_ci.core.files.progress import ProgressCounter
from airflow_provider_tencent_ci.core.polling.cancel_job import cancel_and_confirm, describe_cancel
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.links import console_url
from airflow_provider_tencent_ci.notifications.advice import advice_for
from airflow_provider_tencent_ci.outcome.closing_summary import closing_table, failure_table
from airflow_provider_tencent_ci.outcome.human_units import about
from airflow_provider_tencent_ci.outcome.time_zone import time_zone
from airflow_provider_tencent_ci.submission.resubmit_job import (
    FailedFilesAgain,
    check_may_submit_again,
    failed_files_again,
    resubmission_of,
    submit_again,
)

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.file_records import FileFailure
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.files.file_survey import Survey
    from airflow_provider_tencent_ci.core.submitting.round_request import Resubmission
    from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["cancel_job", "list_jobs", "resubmit_job", "show_job", "tail_job"]

# Seconds before each: the list may not show a new job yet, but a user with a mistyped id waits, too.
_LOOKS = (0, 2)


@command
def list_jobs(args: Namespace) -> None:
    """List batch jobs."""
    zone = time_zone(args.timezone)
    with opened_hook(args) as hook:
        found = hook.list_inventory_jobs(
            states=args.state,
            job_type=args.type,
            name=args.name,
            workflow_id=args.workflow_id,
            start_creation_time=since_time(hook, args.since, zone),
            page_size=MAX_PAGE_SIZE if args.contains else min(args.limit, MAX_PAGE_SIZE),
        )
        with closing(found):  # type: ignore[type-var]
            jobs = list(islice(filter(_containing(args.contains), found), args.limit))
        files = [_files(hook, job, args) if args.count or args.exact else None for job in jobs]
        now = _now(hook)
    print_records(
        [record_of(job, one) for job, one in zip(jobs, files, strict=True)],
        args.output,
        [job_row(job, one, now, zone) for job, one in zip(jobs, files, strict=True)],
    )


@command
def show_job(args: Namespace) -> None:
    """Show one batch job."""
    zone = time_zone(args.timezone)
    with opened_hook(args) as hook:
        job = _job(hook, args.job_id)
        files = None if args.no_count else _files(hook, job, args)
        failures = _first_failures(hook, job, files, args.failed_files)
        failed = files.counts.failed if files else 0
        again = resubmission_of(hook, job) if failed and job.state.is_terminal else None
        page = console_url(hook.config.bucket, hook.config.region)
        now = _now(hook)
    record = {**record_of(job, files), "FailedFiles": [failure.to_dict() for failure in failures]}
    facts = {
        **facts_of(job, now, zone),
        **({"files": _files_fact(files)} if files else {}),
        "console": page,
        "what to do": advice_for(job, failed, command_place(args), again=again),
    }
    facts = {name: text for name, text in facts.items() if text}
    if args.output == "table":
        print_facts(facts, _failures_text(failures, files) if failures and files else "")
    else:
        print_records(record, args.output, [{"fact": name, "value": text} for name, text in facts.items()])


@command
def cancel_job(args: Namespace) -> None:
    """Cancel a batch job, and wait until it has stopped."""
    zone = time_zone(args.timezone)
    with opened_hook(args) as hook:
        job = _job(hook, args.job_id)
        if not job.state.is_terminal:
            _confirm(
                f"Cancel batch job {job.job_id} ({job.name}), {job.state.value}?", args.yes, "Nothing was cancelled"
            )
            with _busy(f"Cancelling batch job {job.job_id}"), _said_if_interrupted(_may_be_cancelled(job, args)):
                job = hook.run(cancel_and_confirm(job.job_id, within_seconds=args.stop_timeout))
        now = _now(hook)
    if args.output == "table":
        print_text(describe_cancel(job))
    else:
        print_records(record_of(job, None), args.output, [job_row(job, None, now, zone)])
    if not job.state.is_terminal:
        raise CommandError(f"It has not stopped within {args.stop_timeout} seconds. It may still; cancel it again.")


@command
def tail_job(args: Namespace) -> None:
    """Follow a batch job to its end."""
    zone = time_zone(args.timezone)
    with opened_hook(args) as hook:
        job = _job(hook, args.job_id)
        not_cancelled = f"No longer following batch job {job.job_id}, which was not cancelled and continues."
        now = _now(hook)
        with _said_if_interrupted(not_cancelled), following(job, args.output, now, zone) as observer:
            progress = ProgressCounter(float(args.poll_interval), observer)
            waiting = follow(job.job_id, float(args.poll_interval), observer, progress, hook.config.place)
            result = hook.run(waiting)
        if result.job is None or not result.job.state.is_terminal:
            raise CommandError(result.message)
        files = count_all(hook, result.job, progress.counting_of(result.job))
    if args.output == "json":
        print_json_line(record_of(result.job, files))
    else:
        print_text(closing_table(result.job, files.counts) if files else result.message)
    result.job.raise_for_state()
    if files and files.counts.failed:
        say(f"See why files failed: {command_place(args).command('show', job.job_id)}")


@command
def resubmit_job(args: Namespace) -> None:
    """Submit the failed files of a batch job again."""
    zone = time_zone(args.timezone)
    with opened_hook(args) as hook:
        job = _job(hook, args.job_id)
        with _busy(f"Listing the failed files of batch job {job.job_id}"):
            check_may_submit_again(hook, job, command_place(args), args.url_list_prefix)
            found = failed_files_again(hook, job, args.url_list_prefix)
        if found is None or args.dry_run:
            _print_failed(job, len(found.failures) if found else 0, args.output)
            again = resubmission_of(hook, job) if found else None
            if (found is None or again) and (advice := advice_for(job, place=command_place(args), again=again)):
                say(advice)
            return
        failed = len(found.failures)
        _confirm(_question(job, failed), args.yes, "Nothing was submitted")
        same = command_place(args).command("resubmit", job.job_id)
        sent = f"Interrupted. The files may have been submitted: `{same}` finds their job."
        with _busy(f"Submitting {_failed_files(failed)}"), _said_if_interrupted(sent):
            submission, rest = _submit_parts(hook, found)
        now = _now(hook)
    new = submission.job
    if args.output == "table":
        print_text(_describe_submission(submission, job, failed))
    else:
        print_records(record_of(new, None), args.output, [job_row(new, None, now, zone)])
    if not new.state.is_terminal:
        say(f"Follow it: {command_place(args).command('tail', new.job_id)}")
    if rest:
        say(f"Part {rest.place.part} of {rest.place.parts} is next. When this job has succeeded, `{same}` submits it.")


def _submit_parts(hook: TencentCIHook, found: FailedFilesAgain) -> tuple[Submission, Resubmission | None]:
    """Go through the parts that have succeeded; return the submission of the first other one, and what follows it."""
    again = found.first_part()
    while True:
        submission = hook.run(submit_again(found.job, again, NoteFile(found.job.job_id), say))
        rest = found.part_after(submission.job)
        if rest is None or submission.job.state is not JobState.SUCCESS:
            return submission, rest
        again = rest


def _print_failed(job: InventoryJob, failed: int, form: str) -> None:
    if form == "table":
        files = "1 file" if failed == 1 else f"{failed:,} files" if failed else "No file"
        print_text(f"{files} of batch job {job.job_id} failed. Nothing was submitted.")
    else:
        record = {"JobId": job.job_id, "FailedFiles": failed}
        print_records(record, form, [{name: str(value) for name, value in record.items()}])


def _question(job: InventoryJob, failed: int) -> str:
    unprocessed = "" if job.state is JobState.SUCCESS else " Files that it did not process are not among them."
    billed = "It is billed again." if failed == 1 else "They are billed again."
    return (
        f"Batch job {job.job_id} ({job.name}) has ended: {job.state.value}. Submit its {_failed_files(failed)} again? "
        f"{billed}{unprocessed}"
    )


def _failed_files(number: int) -> str:
    return "1 failed file" if number == 1 else f"{number:,} failed files"


def _describe_submission(submission: Submission, job: InventoryJob, failed: int) -> str:
    new = submission.job
    named = f"batch job {new.job_id}, {new.name} ({new.state.value})"
    if submission.adopted:
        return f"Found again {named}, for the failed files of {job.job_id}. Nothing was submitted."
    return f"Submitted {named}, for {_failed_files(failed)} of {job.job_id}."


def _containing(text: str | None) -> Callable[[InventoryJob], bool]:
    """Return the condition of ``list --contains``; all jobs meet it if there is none."""
    wanted = (text or "").casefold()
    return lambda job: wanted in job.name.casefold() or wanted in job.reads.casefold()


def _job(hook: TencentCIHook, job_id: str) -> InventoryJob:
    return hook.run(get_job(job_id, delays_seconds=_LOOKS))


def _now(hook: TencentCIHook) -> datetime:
    """Return the service's time from its answers; this machine's time if they have none."""
    transport = hook.get_conn()
    return transport.service_time() or transport.now()


def _files(hook: TencentCIHook, job: InventoryJob, args: Namespace) -> Survey | None:
    return count_all(hook, job) if args.exact else look_quickly(hook, job)


def _files_fact(files: Survey) -> str:
    return files_text(files) if files.is_complete else f"{files_text(files)} (--exact counts all)"


def _failures_text(failures: list[FileFailure], files: Survey) -> str:
    failed = max(files.counts.failed, len(failures))
    text = "" if files.is_complete else f"about {about(failed)}" if files.is_estimate else f"at least {failed:,}"
    return failure_table(failures, failed, text)


def _first_failures(hook: TencentCIHook, job: InventoryJob, files: Survey | None, most: int) -> list[FileFailure]:
    if files is None or not most or (files.is_complete and not files.counts.failed):
        return []
    try:
        with closing(hook.list_failed_files(job)) as failures:  # type: ignore[type-var]
            return list(islice(failures, most))
    except TencentCIError as error:
        say(f"The failed files of batch job {job.job_id} could not be listed. {error}")
        return []


def _confirm(question: str, yes: bool, if_not: str) -> None:
    """
    Ask for confirmation, unless ``--yes`` is given.

    :param if_not: what to say if the answer is not yes.
    :raises CommandError: the answer is not yes.
    """
    if yes:
        return
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        raise CommandError(f"{if_not}: there is no terminal for a confirmation. Give --yes.") from None
    if answer.strip().lower() not in ("y", "yes"):
        raise CommandError(f"{if_not}.")


def _may_be_cancelled(job: InventoryJob, args: Namespace) -> str:
    show = command_place(args).command("show", job.job_id)
    return f"Interrupted. Batch job {job.job_id} may have been cancelled: see `{show}`."


@contextmanager
def _said_if_interrupted(text: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(text) from None


@contextmanager
def _busy(text: str) -> Iterator[None]:
    """Show a spinner on stderr, if it is a terminal."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn(text, markup=False))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task("", total=None)
        yield
