"""Pagination: one page of a list, and which page to read next."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError

MAX_PAGE_SIZE = 100

# A list may show a job or a file later than it was created; how much later is not documented.
LIST_LAG = timedelta(minutes=10)

# A list of a hundred million files. A longer one does not end.
_MAX_PAGES = 1_000_000

# Empty pages in a row. Each has its own token, so nothing else would end them.
_MAX_EMPTY_PAGES = 10_000

# New items move the list on, so that an item may come twice. All ids and tokens of a long list would take megabytes.
_MAX_REMEMBERED = 10_000


class HasRunId(Protocol):
    """The record of one file: a workflow execution or a child job."""

    @property
    def run_id(self) -> str: ...


ItemT = TypeVar("ItemT", bound="InventoryJob | HasRunId")


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """
    One page of a list.

    :param next_token: the token of the next page; empty at the end.
    """

    items: tuple[ItemT, ...]
    next_token: str = ""


class Paginator:
    """
    Decides which page to read next.

    The end of a list is not documented. Here a list ends where there is no token. It also ends where a token repeats or
    a page has no new item: otherwise a list might never end (docs/service.md, 2.7).
    """

    #: The token of the next page: empty for the first page, ``None`` at the end.
    next_token: str | None

    #: Whether the list ended although the service did not say so: there may be more items.
    was_cut_short: bool

    def __init__(self) -> None:
        self._tokens = _LatestTexts()
        self._seen = _LatestTexts()
        self._pages = self._empty_pages = 0
        self.next_token = ""
        self.was_cut_short = False

    def new_items(self, page: Page[ItemT]) -> list[ItemT]:
        """
        Return the items that are new, and set :attr:`next_token`.

        :raises UnreadableResponseError: the list does not end.
        """
        fresh = [item for item in page.items if self._seen.add(_id(item))]
        self._tokens.add(self.next_token or "")
        self._seen.forget_old()
        self._tokens.forget_old()
        self._check_length(page)
        is_repeated = page.next_token in self._tokens
        nothing_new = bool(page.items) and not fresh
        ends_here = not page.next_token or is_repeated or nothing_new
        # An empty page whose token repeats is a normal end.
        self.was_cut_short = ends_here and bool(page.next_token) and bool(page.items)
        self.next_token = None if ends_here else page.next_token
        return fresh

    def check_complete(self, count: int) -> None:
        """
        Refuse a list that was cut short: a job that is not on it may exist.

        :param count: how many jobs were read.
        :raises UnreadableResponseError: the list was cut short.
        """
        if self.was_cut_short:
            raise UnreadableResponseError(
                f"The job list breaks off after {count} jobs: the next page has no new job, and the service does not "
                "say that the list has ended."
            )

    def _check_length(self, page: Page[ItemT]) -> None:
        self._pages += 1
        self._empty_pages = 0 if page.items else self._empty_pages + 1
        if page.next_token and (self._pages >= _MAX_PAGES or self._empty_pages >= _MAX_EMPTY_PAGES):
            raise UnreadableResponseError(
                f"The list does not end: the service has answered {self._pages:,} pages, the last "
                f"{self._empty_pages:,} of them without an item, and announces another one."
            )


class _LatestTexts(OrderedDict[str, None]):
    """The texts that were added last."""

    def add(self, text: str) -> bool:
        """Add a text; return whether it is new."""
        if text in self:
            return False
        self[text] = None
        return True

    def forget_old(self) -> None:
        """Keep the latest ten thousand."""
        while len(self) > _MAX_REMEMBERED:
            self.popitem(last=False)


def _id(item: InventoryJob | HasRunId) -> str:
    return item.job_id if isinstance(item, InventoryJob) else item.run_id
