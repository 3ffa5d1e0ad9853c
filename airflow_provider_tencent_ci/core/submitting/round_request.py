"""
The request of a round: it submits the failed files of a batch again (``submission/rounds.py`` decides when).

Each round is a separate batch job over a list of URLs, which is uploaded right before it. Its request names the list,
and the list's key contains the name of the first job and the round. So each round has its own submission token, the
same for all tries of the task, and is submitted exactly once.

More files than one list holds are several parts of a round: ``round_parts.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_tencent_ci.core.api.job_records import has_several_workflows
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.put_object import put_object
from airflow_provider_tencent_ci.core.submitting.round_parts import RoundPart
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

_FIRST_ROUND = RoundPart(1)


@dataclass(frozen=True, slots=True)
class Resubmission(InventoryJobSpecification):
    """
    The create request of one part of a round.

    :param place: which one.
    :param url_list: the list of its files.
    """

    place: RoundPart = _FIRST_ROUND
    url_list: bytes = b""

    @classmethod
    def of(
        cls, specification: InventoryJobSpecification, position: int, folder: str, place: RoundPart, url_list: bytes
    ) -> Resubmission:
        """
        Return the request that processes the listed files as ``specification`` does, without its time interval.

        :param position: the number of earlier submissions of the same files.
        :param folder: where the list is put, see :func:`url_list_folder`.
        """
        operation = {name: node for name, node in specification.operation.items() if name != "TimeInterval"}
        return cls(specification.type, {"UrlFile": f"{folder}{place.list_name}"}, operation, position, place, url_list)

    @property
    def identity(self) -> bytes:
        """The same for any number of parts: see the head of ``round_parts.py``."""
        key = str(self.input["UrlFile"]).removesuffix(self.place.list_name)
        return replace(self, input={"UrlFile": f"{key}failed-{self.place.label}.txt"}).body(None)

    @property
    def label(self) -> str:
        """The number of the round, and of the part from the second one on."""
        return self.place.label

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


def url_list_folder(prefix: str, name: str) -> str:
    """
    Return where the lists of a batch are put: the same for all tries of a task, and for no other batch.

    :param name: the first job's, which ends in the submission's token.
    """
    return f"{prefix}{name}/"
