"""
The list of the files of a batch, modelled from its documentation (docs/service.md, 3.1), independently of the client.

A history says in ``listing`` how the list behaves:

============  =========================================================================================================
``burst``     most files are created in one second
``late``      files appear in the list, and end, until ``files_lag`` seconds after the job has ended
``markers``   a token names a place in the list; without this word, the number of files before the next page
``mixed``     the list is not in the order of time
``repeats``   the last page has its own token again
``short``     a page has fewer files than it could have, also none
``unbounded`` the list does not know the two bounds of a window
============  =========================================================================================================
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.history import History

__all__ = ["LISTING", "FileList"]

LISTING = ("burst", "late", "markers", "mixed", "repeats", "short", "unbounded")


@dataclass(frozen=True, slots=True)
class _File:
    """
    The execution for one file.

    :param created_at: as the service's clock shows it.
    :param begins_at: when it begins.
    :param listed_at: from when on the list has it.
    :param done_at: from when on the list has its outcome.
    """

    run_id: str
    created_at: datetime
    begins_at: float
    listed_at: float
    done_at: float
    outcome: str

    def state(self, at: float) -> str:
        return self.outcome if at >= self.done_at else "Running"


class FileList:
    """
    The files of one job.

    :param created_at: when the job was created.
    :param wrote_at: the same as the service's clock showed it.
    """

    def __init__(self, history: History, created_at: float, wrote_at: datetime) -> None:
        self._history = history
        self._chance = random.Random(history.seed)
        self._files = [self._file(number, created_at, wrote_at) for number in range(history.files)]
        self._files.sort(key=lambda file: (file.created_at, file.run_id))
        if "mixed" in history.listing:
            self._chance.shuffle(self._files)

    def _file(self, number: int, created_at: float, wrote_at: datetime) -> _File:
        chance, seconds = self._chance, self._history.job_seconds
        share = 0.5 if "burst" in self._history.listing and chance.random() < 0.9 else chance.random()
        late = self._history.files_lag if "late" in self._history.listing else 0.0
        begins_at, ends_at = created_at + share * seconds, created_at + seconds
        listed_at = begins_at + (late + ends_at - begins_at) * chance.random() ** 2
        done_at = listed_at + (late + ends_at - listed_at) * chance.random()
        outcome = chance.choice(("Success", "Success", "Success", "Failed"))
        moment = (wrote_at + timedelta(seconds=share * seconds)).replace(microsecond=0)
        return _File(f"i{number}", moment, begins_at, listed_at, done_at, outcome)

    def held(self, at: float, job_ends_at: float) -> dict[str, str]:
        """Return the state of each file that the list has at a moment, by its id."""
        return {file.run_id: file.state(at) for _, file in self._listed(at, job_ends_at)}

    def page(self, query: dict[str, str | None], at: float, job_ends_at: float) -> bytes:
        """Answer a request for a page."""
        wanted = [(place, file) for place, file in self._listed(at, job_ends_at) if self._is_wanted(file, query, at)]
        token, size = query.get("nextToken") or "", min(self._history.files_page, int(query.get("size") or 10))
        begin = self._begin(wanted, token)
        end = begin + (self._chance.randint(0, size) if "short" in self._history.listing else size)
        shown = "".join(_written(file, at) for _, file in wanted[begin:end])
        return f"<Response>{shown}<NextToken>{self._token(wanted, begin, end, token)}</NextToken></Response>".encode()

    def _listed(self, at: float, job_ends_at: float) -> Iterator[tuple[int, _File]]:
        """Return the files that the list has, each with its place in it; a cancelled job begins no more."""
        for place, file in enumerate(self._files):
            if file.listed_at <= at and file.begins_at <= job_ends_at:
                yield place, file

    def _is_wanted(self, file: _File, query: dict[str, str | None], at: float) -> bool:
        if (states := query.get("states")) and file.state(at) not in states.split(","):
            return False
        if "unbounded" in self._history.listing:
            return True
        start, end = query.get("startCreationTime"), query.get("endCreationTime")
        if start and file.created_at < datetime.fromisoformat(start):
            return False
        return not (end and file.created_at > datetime.fromisoformat(end))

    def _begin(self, wanted: list[tuple[int, _File]], token: str) -> int:
        if not token:
            return 0
        number = int(token.partition("-")[0])
        if "markers" not in self._history.listing:
            return number
        return sum(place < number for place, _ in wanted)

    def _token(self, wanted: list[tuple[int, _File]], begin: int, end: int, asked: str) -> str:
        if end >= len(wanted):
            return asked if "repeats" in self._history.listing else ""
        number = wanted[end][0] if "markers" in self._history.listing else end
        return f"{number}-{self._chance.random()}"


def _written(file: _File, at: float) -> str:
    return (
        f"<WorkflowExecutionList><RunId>{file.run_id}</RunId><WorkflowId>w1</WorkflowId>"
        f"<Object>media/{file.run_id}.mp4</Object><CreateTime>{file.created_at.isoformat()}</CreateTime>"
        f"<State>{file.state(at)}</State></WorkflowExecutionList>"
    )
