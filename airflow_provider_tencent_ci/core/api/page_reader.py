"""The reader of a page of a list: all lists of the service have items of one name, and a token of the next page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from xml.etree.ElementTree import Element

from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.core.wire.xml import read_items

ItemT = TypeVar("ItemT")


def read_page(response: Response, name: str, read: Callable[[Element], ItemT]) -> tuple[list[ItemT], str]:
    """
    Return the items of a page, and the token of the next page; the token is empty if there is none.

    :param name: of the node of an item.
    :param read: reads such a node.
    :raises UnreadableResponseError: the answer is no page.
    """
    items, others = read_items(response.body, "Response", name, read)
    token = next((node.text for node in others if node.tag == "NextToken"), None)
    return items, (token or "").strip()
