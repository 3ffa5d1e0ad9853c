"""Readers for the fields of a connection's extra."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError


def text_field(extra: Mapping[str, Any], field: str) -> str | None:
    """
    Return a text without the blanks around it; ``None`` if there is none.

    :raises InvalidArgumentError: it is something else.
    """
    value = extra.get(field)
    if value is not None and not isinstance(value, str):
        raise InvalidArgumentError(f"{field} in extra must be a text.")
    return value.strip() or None if value else None


def verify_field(extra: Mapping[str, Any]) -> bool | str:
    """
    Return ``verify``, by default ``True``.

    :raises InvalidArgumentError: it is neither true nor false nor a path.
    """
    value = extra.get("verify", True)
    if isinstance(value, bool) or (isinstance(value, str) and value):
        return value
    raise InvalidArgumentError("verify in extra must be true, false or the path of a CA bundle.")


def proxy_field(extra: Mapping[str, Any], base_url: str) -> str | None:
    """
    Return the proxy to an address: ``proxy``, by default what the environment names.

    :raises InvalidArgumentError: it is no text.
    """
    if proxy := text_field(extra, "proxy"):
        return proxy
    parts = urlsplit(base_url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    return proxy if proxy and not urllib.request.proxy_bypass(parts.netloc) else None
