"""
The request of a round: it submits the failed files of a batch again (``submission/rounds.py`` decides when).

Each round is a separate batch job over a list of URLs, which is uploaded right before it. Its request names the list,
and the list's key contains the name of the first job and the round. So each round has its own submission token, the
same for all tries of the task, and is submitted exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_tencent_ci.core.api.job_records import has_several_workflows
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.put_object import put_object
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class Resubmission(InventoryJobSpecification):
    """
    The create request of one round.

    :param url_list: the list of its files.
    """

    url_list: bytes = b""

    @classmethod
    def of(
        cls, specification: InventoryJobSpecification, round_number: int, url_list_key: str, url_list: bytes
    ) -> Resubmission:
        """Return the request that processes the listed files as ``specification`` does, without its time interval."""
        operation = {name: node for name, node in specification.operation.items() if name != "TimeInterval"}
        return cls(specification.type, {"UrlFile": url_list_key}, operation, round_number, url_list)

    def upload_inputs(self) -> Flow[None]:
        """Upload the list. An earlier upload wrote the same bytes."""
        yield from put_object(str(self.input["UrlFile"]), self.url_list)


def check_one_workflow(operation: Mapping[str, Any]) -> None:
    """
    Check that files can be submitted again.

    :raises InvalidArgumentError: there are several workflows.
    """
    if has_several_workflows(operation):
        raise InvalidArgumentError(
            "Failed files are submitted again for one workflow only: a file that failed in one of several would be run "
            "again in all."
        )


def url_list_key(prefix: str, name: str, round_number: int) -> str:
    """
    Return the key of a round's list: the same for all tries of a task, and for no other batch.

    :param name: the first job's, which ends in the submission's token.
    """
    return f"{prefix}{name}/failed-{round_number}.txt"
