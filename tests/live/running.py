"""One run from its settings to its report."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from showcase import interrupts
from showcase.failures import Interrupted

from airflow_provider_tencent_ci.links import console_url
from tests.live.check import Answered, Check
from tests.live.contract_of_run import contract_of, write_contract
from tests.live.findings import Finding, Question, Verdict
from tests.live.ledger import Submission
from tests.live.masking import Mask
from tests.live.orders import NAME_PREFIX
from tests.live.report import report_of, write_report
from tests.live.service import Service, is_documented
from tests.live.settings import Settings

if TYPE_CHECKING:
    from showcase.display import Display

# Exit statuses besides those of signals.
DONE, UNPREPARED, FAILED, STILL_RUNNING = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    :param status: the exit status.
    :param running: the jobs that are not known to have ended.
    :param files: the report, as Markdown and as JSON, and the contract.
    """

    status: int
    running: Sequence[Submission]
    files: tuple[Path, Path, Path]


def run(
    settings: Settings,
    service: Service,
    questions: Sequence[Question],
    display: Display,
    *,
    temporary: Service | None = None,
    directory: Path = Path(),
    show_names: bool = False,
) -> Outcome:
    """
    Check the questions, end every job after any failure, and write the report.

    :param temporary: the service with temporary keys, if given.
    :param directory: where the report goes.
    :param show_names: keep names of the account's resources in the report.
    """
    check = Check(settings, service, secrets.token_hex(4), temporary)
    began_at, status, ended_early = service.now(), FAILED, "it did not come to an end"
    try:
        status, ended_early = _ask(check, questions, display)
    finally:
        with interrupts.held():  # a further signal would leave jobs running
            running = check.ledger.end_all(settings.end_seconds)
            of_the_service = is_documented(service.config)
            contract = contract_of(check.answered, began_at.date(), of_the_service=of_the_service)
            mask = _mask(check, show_names)
            report = report_of(check, began_at=began_at, ended_early=ended_early, contract=contract, mask=mask)
            files = (*write_report(report, directory, began_at), write_contract(contract, directory))
            _tell_end(check, running, files, display)
    return Outcome(STILL_RUNNING if running else status or _status_of(check), running, files)


def sweep(service: Service, settings: Settings, display: Display) -> int:
    """End the jobs of earlier runs, and return the exit status."""
    ledger = Check(settings, service, "sweep").ledger
    found = ledger.end_others(NAME_PREFIX, settings.end_seconds)
    for submission in found:
        display.change(submission.job_id, submission.name, submission.end)
    display.say(f"{len(found)} live jobs of earlier runs were found." if found else "No job of an earlier run lives.")
    return DONE if all(submission.has_ended for submission in found) else STILL_RUNNING


def _ask(check: Check, questions: Sequence[Question], display: Display) -> tuple[int, str]:
    """Check the questions; return the exit status so far, and why not all were checked."""
    try:
        with display.console.status(f"0 of {len(questions)} questions asked …") as status:

            def told(answered: Answered) -> None:
                _tell(display, answered)
                status.update(f"{len(check.answered)} of {len(questions)} questions asked …")

            check.ask_all(questions, told)
    except Interrupted as interrupt:
        display.say("Interrupted. All jobs of this run are ended before it stops …")
        return 128 + interrupt.number, f"interrupted by signal {interrupt.number}"
    except Exception as error:  # the report contains it
        display.error(f"The check itself failed: {error!r}")
        return FAILED, f"{type(error).__name__} in the check itself"
    return DONE, ""


def _tell_end(check: Check, running: Sequence[Submission], files: tuple[Path, Path, Path], display: Display) -> None:
    """Print how the jobs ended, and name those that did not."""
    for submission in running:
        display.error(f"Not known to have ended: {submission.job_id or submission.name}. {submission.trouble}")
    if running:
        config = check.service.config
        display.error(f"To end them: make test-live ARGS=--sweep, or {console_url(config.bucket, config.region)}")
    else:
        display.say(f"All jobs have ended. Created: {len(check.ledger.job_ids)}.")
    display.say(f"The report, to be attached to an issue: {files[0]}, {files[1].name} and {files[2].name}")


def _tell(display: Display, answered: Answered) -> None:
    display.say(f"{answered.question.number:2}. {answered.question.text}")
    for finding in answered.findings:
        _tell_finding(display, finding)


def _tell_finding(display: Display, finding: Finding) -> None:
    line = f"    {finding.verdict.value}: {finding.text}" + (f" → {finding.change}" if finding.change else "")
    if finding.verdict in (Verdict.DIFFERS, Verdict.FAILED):
        display.error(line)
    else:
        display.say(line)


def _status_of(check: Check) -> int:
    return FAILED if any(answered.verdict is Verdict.FAILED for answered in check.answered) else DONE


def _mask(check: Check, show_names: bool) -> Mask:
    mask = Mask(show_names=show_names)
    for service in filter(None, (check.service, check.temporary)):
        mask.name_config(service.config)
        for credentials in service.used_credentials:
            mask.hide_credentials(credentials)
    mask.name(check.settings.names())
    return mask
