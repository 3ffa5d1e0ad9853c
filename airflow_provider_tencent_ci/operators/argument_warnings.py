"""Warnings about arguments that are allowed, and probably do not do what the author meant. They never fail a task."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.api.time_interval import EMPTY_INTERVAL_ADVICE
from airflow_provider_tencent_ci.core.wire.service_times import parse_time

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
    from airflow_provider_tencent_ci.outcome.file_outcome import FileRules

__all__ = ["lists_in_input", "rules_without_wait", "start_at_empty_interval"]


def rules_without_wait(rules: FileRules) -> str:
    """
    Warn that rules for the files have no effect, since the task does not wait for its job; empty if there are none.

    A refusal would break DAGs with such arguments in ``default_args``, for tasks that wait and tasks that do not.
    """
    chosen = {
        "fail_on": rules.fail_on != "job",
        "on_empty": rules.on_empty != "succeed",
        "failures_path": bool(rules.failures_path),
    }
    names = [name for name, is_chosen in chosen.items() if is_chosen]
    if not names:
        return ""
    return (
        f"Without effect, since wait_for_completion is not set: {', '.join(names)}. The task ends when the batch job "
        "is submitted. Set wait_for_completion=True, or give these arguments to an InventoryJobSensor."
    )


def lists_in_input(specification: InventoryJobSpecification, url_list_prefix: str) -> str:
    """
    Warn that a batch covers the lists of failed files that its task writes; empty if it does not.

    It is no error: the workflow may pick files by their format.
    """
    prefix = specification.input.get("Prefix")
    if prefix is None or not url_list_prefix.lstrip("/").startswith(str(prefix).lstrip("/")):
        return ""
    return (
        f"prefix={prefix!r} covers url_list_prefix={url_list_prefix!r}, where resubmit_rounds puts lists of failed "
        "files. A later job over the prefix may process these lists as media, which is billed. Choose a "
        "url_list_prefix outside of the prefix, or a narrower prefix."
    )


def start_at_empty_interval(specification: InventoryJobSpecification, empty_interval_at: datetime | None) -> str:
    """
    Warn that only files modified since the run was due are processed; empty if that is not so.

    :param empty_interval_at: the data interval of the run, if its start is its end; else ``None``.
    """
    interval = specification.operation.get("TimeInterval")
    if empty_interval_at is None or not isinstance(interval, dict) or "End" in interval:
        return ""
    if parse_time(str(interval["Start"])) != empty_interval_at.replace(microsecond=0):
        return ""
    return (
        f"start_time is {interval['Start']}, when this run was due, so that only files modified since then are "
        f"processed: probably none. {EMPTY_INTERVAL_ADVICE}"
    )
