"""
Submitting the failed files of a batch again, in rounds.

Each round is a batch job of its own, over a list of URLs that is uploaded right before it. Its request names the list,
and the list's key has the name of the first job and the round: so each round has a submission token of its own, the
same for all tries of the task, and is submitted exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.put_object import check_object_key, put_object
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

_LONGEST_NAME = "\u4e2d" * 128


class Resubmits(Protocol):
    """The arguments of a task that this module looks at; see the operator."""

    on_partial_failure: str
    resubmit_rounds: int
    url_list_prefix: str
    wait_for_completion: bool
    count_files: bool
    on_existing: str


@dataclass(frozen=True, slots=True)
class Resubmission(InventoryJobSpecification):
    """
    The create request of one round.

    :param url_list: the list that it is about.
    """

    url_list: bytes = b""

    @classmethod
    def of(
        cls, specification: InventoryJobSpecification, round_number: int, url_list_key: str, url_list: bytes
    ) -> Resubmission:
        """Return the request that does with the listed files what ``specification`` does, however old they are."""
        operation = {name: node for name, node in specification.operation.items() if name != "TimeInterval"}
        return cls(specification.type, {"UrlFile": url_list_key}, operation, round_number, url_list)

    def upload_inputs(self) -> Flow[None]:
        """Upload the list. Whoever did so before wrote the same bytes."""
        yield from put_object(str(self.input["UrlFile"]), self.url_list)


def url_list_key(prefix: str, name: str, round_number: int) -> str:
    """
    Return the key of a round's list: the same for all tries of a task, and for no other batch.

    :param name: the first job's, which ends in the submission's token.
    """
    return f"{prefix}{name}/failed-{round_number}.txt"


def check_resubmission(task: Resubmits, specification: InventoryJobSpecification) -> None:
    """
    Check what the user gave, before anything is submitted.

    :raises InvalidArgumentError: an argument is wrong, or goes with another one; the message names it.
    """
    if task.on_partial_failure == "report":
        return
    if task.on_partial_failure != "resubmit_failed":
        raise InvalidArgumentError(
            f'on_partial_failure={task.on_partial_failure!r} must be "report" or "resubmit_failed".'
        )
    rounds = task.resubmit_rounds
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise InvalidArgumentError(f"resubmit_rounds={rounds!r} must be a number, at least 1.")
    check_object_key(url_list_key(task.url_list_prefix, _LONGEST_NAME, rounds))
    needs = {
        "wait_for_completion=True": task.wait_for_completion,
        "count_files=True": task.count_files,
        'on_existing="adopt", or each retry would submit the failed files again': task.on_existing == "adopt",
        "one workflow: a file that failed in one of several would be run again in all": (
            "," not in str(specification.operation.get("WorkflowIds", ""))
        ),
    }
    if missing := [need for need, is_met in needs.items() if not is_met]:
        raise InvalidArgumentError(f'on_partial_failure="resubmit_failed" needs {missing[0]}.')
