"""Answers of an intermediary (RFC 9110, 3.7): a proxy, a gateway or the login page of a network, not the service."""

from __future__ import annotations

import re
from collections.abc import Mapping

# The beginning of a web page. XML declarations and comments may stand before it; nothing of them is tried twice.
_WEB_PAGE = re.compile(rb"(?>\s|<\?xml[^>]*>|<!--.*?-->)*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_XML = re.compile(rb"\s*<(?:\?xml|Response|Error)\b")
_HEAD_BYTES = 4096


def is_web_page(headers: Mapping[str, str], body: bytes) -> bool:
    """
    Whether an answer is a web page, which the service never sends.

    :param headers: with lower-case names.
    """
    if has_request_id(headers):
        return False
    head = body[:_HEAD_BYTES].removeprefix(b"\xef\xbb\xbf")
    if _WEB_PAGE.match(head):
        return True
    is_html = headers.get("content-type", "").strip().lower().startswith("text/html")
    return is_html and bool(head.strip()) and not _XML.match(head)


def has_request_id(headers: Mapping[str, str]) -> bool:
    """Whether the answer certainly comes from the service: each of its answers has an id (docs/service.md, 1.4)."""
    return bool(headers.get("x-ci-request-id") or headers.get("x-cos-request-id"))
