"""
The request of a round: it submits the failed files of a batch again (``submission/rounds.py`` decides when).

Each round is a separate batch job over a list of URLs, which is uploaded right before it. Its request names the list,
and the list's key contains the name of the first job and the round. So each round has its own submission token, the
same for all tries of the task, and is submitted exactly once.

More files than one list holds are several parts of a round: jobs of their own, one after the other.

1. Which part a file belongs to depends on its key and on the number of parts only (``core/api/url_list.py``).
2. The number of parts is fixed by the job of the first part: the key of its list contains it, and the service keeps
   that with the job. A retry may find other failed files, and would make more or fewer parts. It reads the number
   there.
3. The token does not contain the number of parts. So a retry finds the first part before it knows the number.
4. A part is submitted when the one before it has succeeded as a job. So no other part exists before the first part has
   succeeded. If the first part fails as a job, the next try may choose another number of parts: no other part has been
   submitted.

Together: each file belongs to one part, and each part has one job that succeeds. So a file is in at most one of these
jobs: one that the service lists as failed only after its part was submitted is in none. And at most one job of a task
is live, so that a kill has one job to cancel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, has_several_workflows
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.put_object import put_object
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

_LIST = re.compile(
    "(?P<folder>.*/)failed-(?P<round>[0-9]{1,6})(-part-(?P<part>[0-9]{1,6})-of-(?P<parts>[0-9]{1,6}))?[.]txt", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class RoundPart:
    """
    Which submission of failed files one is.

    :param round: the number of the round; 0 for the first job of all, which submits no failed files.
    :param part: the number of the part, from 1 on.
    :param parts: how many parts the round has.
    """

    round: int
    part: int = 1
    parts: int = 1

    @classmethod
    def of_job(cls, job: InventoryJob) -> RoundPart | None:
        """Return what the key of a job's list says; ``None`` if its input is no list of failed files."""
        found = _LIST.fullmatch(str(job.input.get("UrlFile", "")))
        return cls(int(found["round"]), int(found["part"] or 1), int(found["parts"] or 1)) if found else None

    @property
    def is_last(self) -> bool:
        """Whether no further part of the round follows."""
        return self.part >= self.parts

    @property
    def following(self) -> Iterator[RoundPart]:
        """The further parts of the round, in order. Some may have no file."""
        return (replace(self, part=number) for number in range(self.part + 1, self.parts + 1))

    @property
    def label(self) -> str:
        """For the name of its job; the same whatever number of parts there is."""
        return str(self.round) if self.part == 1 else f"{self.round}-{self.part}"

    @property
    def list_name(self) -> str:
        """The last part of the key of its list."""
        return f"failed-{self.round}{f'-part-{self.part}-of-{self.parts}' if self.parts > 1 else ''}.txt"


@dataclass(frozen=True, slots=True)
class Resubmission(InventoryJobSpecification):
    """
    The create request of one part of a round.

    :param place: which one.
    :param url_list: the list of its files.
    """

    place: RoundPart = RoundPart(1)
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
        """The same for any number of parts: see the text at the head of this module."""
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
