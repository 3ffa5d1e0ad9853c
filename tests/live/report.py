"""The report: one set of values, masked, written as Markdown for readers and as JSON for programs."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from airflow_provider_tencent_ci import __version__
from airflow_provider_tencent_ci.emulator import Contract
from airflow_provider_tencent_ci.links import console_url
from tests.live.check import Answered, Check
from tests.live.contract_of_run import contract_rows
from tests.live.evidence import condensed
from tests.live.findings import Verdict
from tests.live.ledger import Submission
from tests.live.masking import Mask
from tests.live.service import is_documented

# The start of a report's name; both files end with the time of the run.
REPORT_PREFIX = "live-report-"


def report_of(check: Check, *, began_at: datetime, ended_early: str, contract: Contract, mask: Mask) -> dict[str, Any]:
    """
    Return the report as values for JSON, safe to show.

    :param contract: what this run says about the facts of the contract.
    :param ended_early: why not all questions were checked; empty if all were.
    """
    answered = sorted(check.answered, key=lambda one: one.question.number)
    values = {
        "run": {
            "began_at": began_at.isoformat(timespec="seconds"),
            "ended_at": check.service.now().isoformat(timespec="seconds"),
            "ended_early": ended_early,
            "token": check.ledger.scope.token,
            **_surroundings(check),
        },
        "questions": [_question(one, check) for one in answered],
        "contract": contract_rows(contract),
        "submissions": [_submission(submission) for submission in check.ledger],
        "verdicts": {verdict.value: sum(one.verdict is verdict for one in answered) for verdict in Verdict},
    }
    masked = mask.value(values)
    assert isinstance(masked, dict)
    return masked


def write_report(report: dict[str, Any], directory: Path, began_at: datetime) -> tuple[Path, Path]:
    """Write both formats and return their paths."""
    stem = f"{REPORT_PREFIX}{began_at:%Y%m%dT%H%M%SZ}"
    markdown, values = directory / f"{stem}.md", directory / f"{stem}.json"
    markdown.write_text("\n".join(_markdown(report)) + "\n", encoding="utf-8")
    values.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return markdown, values


def _surroundings(check: Check) -> dict[str, str]:
    config = check.service.config
    return {
        "package": __version__,
        "airflow": version("apache-airflow"),
        "python": platform.python_version(),
        "platform": sys.platform,
        "region": config.region,
        "console": console_url(config.bucket, config.region),
        "endpoint": "the documented host" if is_documented(config) else "endpoint_url of the connection",
        "keys": "temporary" if any(keys.token for keys in check.service.used_credentials) else "permanent",
    }


def _question(answered: Answered, check: Check) -> dict[str, Any]:
    settings = check.settings
    keys = {settings.object_key, settings.failing_object_key, settings.list_key, check.ledger.scope.missing_key} - {""}
    if settings.control_prefix:
        keys.add(check.ledger.scope.control_key)
    exchanges = [exchange.to_dict(check.ledger.job_ids, keys) for exchange in answered.exchanges]
    return {
        "number": answered.question.number,
        "question": answered.question.text,
        "why": answered.question.why,
        "verdict": answered.verdict.value,
        "findings": [
            {"verdict": finding.verdict.value, "text": finding.text, "change": finding.change}
            for finding in answered.findings
        ],
        "evidence": condensed(exchanges),
    }


def _submission(submission: Submission) -> dict[str, Any]:
    return {
        "order": submission.order.key if submission.order else "(found at the end)",
        "purpose": submission.order.purpose if submission.order else "bears this run's token and was not in its books",
        "name": submission.name,
        "sent_at": submission.sent_at.isoformat(timespec="seconds"),
        "job_id": submission.job_id,
        "answer_lost": submission.lost,
        "states": submission.seen_states,
        "end": submission.end,
        "has_ended": submission.has_ended,
    }


def _markdown(report: dict[str, Any]) -> Iterator[str]:
    run = report["run"]
    yield "# Live check of the open questions"
    yield ""
    yield f"{run['began_at']} to {run['ended_at']}, region `{run['region']}`, {run['endpoint']}, {run['keys']} keys."
    yield (
        f"Package {run['package']}, Airflow {run['airflow']}, Python {run['python']} on {run['platform']}. "
        f"Names of jobs begin with `LiveCheck-{run['token']}-`."
    )
    if run["ended_early"]:
        yield ""
        yield f"**Ended early: {run['ended_early']}**"
    yield from _endings(report["submissions"], run["console"])
    yield from _summary(report)
    yield from _contract(report["contract"])
    for question in report["questions"]:
        yield from _answer(question)
    yield from _submissions(report["submissions"])


def _endings(submissions: Sequence[dict[str, Any]], console: str) -> Iterator[str]:
    yield ""
    if running := [one for one in submissions if not one["has_ended"]]:
        names = ", ".join(f"`{one['job_id'] or one['name']}`" for one in running)
        yield f"**Not known to have ended: {names}.** Run `make test-live ARGS=--sweep`, or look at <{console}>."
    else:
        yield "All jobs of this run have ended."


def _summary(report: dict[str, Any]) -> Iterator[str]:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report["verdicts"].items() if count)
    yield from (
        "",
        "## Summary",
        "",
        f"{counts}.",
        "",
        "| # | question | verdict | answer |",
        "| --: | --- | --- | --- |",
    )
    for question in report["questions"]:
        answers = " ".join(finding["text"] for finding in question["findings"])
        yield f"| {question['number']} | {_cell(question['question'])} | {question['verdict']} | {_cell(answers)} |"


def _contract(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield from ("", "## The contract", "", "| fact | # | assumed | seen |", "| --- | --: | --- | --- |")
    for row in rows:
        yield f"| `{row['fact']}` | {row['question']} | {_cell(row['assumed'])} | {_cell(row['seen'])} |"


def _answer(question: dict[str, Any]) -> Iterator[str]:
    yield from ("", f"## {question['number']}. {question['question']}", "", f"*Why it matters:* {question['why']}", "")
    for finding in question["findings"]:
        change = f" → {finding['change']}" if finding["change"] else ""
        yield f"- **{finding['verdict']}**: {_prose(finding['text'] + change)}"
    if question["evidence"]:
        yield from ("", "<details><summary>Evidence</summary>", "", "```text")
        for exchange in question["evidence"]:
            yield from _exchange(exchange)
        yield from ("```", "", "</details>")


def _exchange(exchange: dict[str, Any]) -> Iterator[str]:
    yield f"{exchange['sent_at']}  {exchange['request']}"
    if exchange["body"]:
        yield f"    {_line(exchange['body'])}"
    request_id = f"  x-ci-request-id: {exchange['request_id']}" if exchange["request_id"] else ""
    yield f"  → {exchange['status'] or 'no answer'}{request_id}"
    if exchange["answer"]:
        yield f"    {_line(exchange['answer'])}"
    if left_out := exchange.get("left_out"):
        yield f"  … {left_out} more of the same request"


def _submissions(submissions: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield from ("", "## What was submitted", "", "| job | what | states seen | end |", "| --- | --- | --- | --- |")
    for one in submissions:
        lost = " (its submission was not answered)" if one["answer_lost"] else ""
        states = " → ".join(one["states"])
        yield f"| `{one['job_id'] or one['name']}` | {_cell(one['purpose'])}{lost} | {states} | {_cell(one['end'])} |"


def _line(text: str) -> str:
    """Put a text in one line that cannot close a code fence."""
    return " ".join(text.split()).replace("```", "'''")


def _prose(text: str) -> str:
    """Put a text in one line with visible tags."""
    return _line(text).replace("<", "&lt;")


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")
