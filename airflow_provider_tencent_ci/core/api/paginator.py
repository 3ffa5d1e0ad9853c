"""Pagination: one page of a list, and which page to read next."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError

MAX_PAGE_SIZE = 100

_MAX_PAGES = 10_000

# New items move the list on, so that an item may come twice. All ids of a long list would take megabytes.
_MAX_REMEMBERED_IDS = 10_000


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
        self._tokens: set[str] = set()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.next_token = ""
        self.was_cut_short = False

    def new_items(self, page: Page[ItemT]) -> list[ItemT]:
        """Return the items that are new, and set :attr:`next_token`."""
        fresh = [item for item in page.items if self._is_new(_id(item))]
        while len(self._seen) > _MAX_REMEMBERED_IDS:
            self._seen.popitem(last=False)
        self._tokens.add(self.next_token or "")
        is_repeated = page.next_token in self._tokens or len(self._tokens) >= _MAX_PAGES
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

    def _is_new(self, item_id: str) -> bool:
        if item_id in self._seen:
            return False
        self._seen[item_id] = None
        return True


def _id(item: InventoryJob | HasRunId) -> str:
    return item.job_id if isinstance(item, InventoryJob) else item.run_id
