"""
The parts of a round: the key of a list says which one its job is, and a retry reads that from the job.

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
from collections.abc import Iterator
from dataclasses import dataclass, replace

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob

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
