"""Following the pages of a list whose end is not documented."""

from __future__ import annotations

from collections import OrderedDict

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_requests import HasRunId, ItemT, Page

_MOST_PAGES = 10_000

# An item comes twice where new ones have moved the list on by a few; all ids of a long list would be megabytes.
_MOST_REMEMBERED = 10_000


class Paginator:
    """
    Which page to read next, judged by the last one.

    The end of a list is not documented. It ends where there is no token, and also where a token repeats or a page
    brings nothing new, lest a list never ends (API reference, 2.7).
    """

    #: The token to ask with: empty for the first page, ``None`` at the end.
    next_token: str | None

    #: Whether it ended without the service saying so, and there may be more.
    was_cut_short: bool

    def __init__(self) -> None:
        self._tokens: set[str] = set()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.next_token = ""
        self.was_cut_short = False

    def new_items(self, page: Page[ItemT]) -> list[ItemT]:
        """Return the items not seen before, and move on to the next page, or to ``None`` at the end."""
        fresh = [item for item in page.items if self._is_new(_id(item))]
        while len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        self._tokens.add(self.next_token or "")
        goes_in_circles = page.next_token in self._tokens or len(self._tokens) >= _MOST_PAGES
        nothing_new = bool(page.items) and not fresh
        ends_here = not page.next_token or goes_in_circles or nothing_new
        # A last page that is empty, and whose token leads to itself, is an end of its own kind.
        self.was_cut_short = ends_here and bool(page.next_token) and bool(page.items)
        self.next_token = None if ends_here else page.next_token
        return fresh

    def _is_new(self, item_id: str) -> bool:
        if item_id in self._seen:
            return False
        self._seen[item_id] = None
        return True


def _id(item: InventoryJob | HasRunId) -> str:
    return item.job_id if isinstance(item, InventoryJob) else item.run_id
