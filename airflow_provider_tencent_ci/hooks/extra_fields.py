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

    :raises InvalidArgumentError: it is no URL of an HTTP proxy; the message names its origin, and no password.
    """
    if proxy := text_field(extra, "proxy"):
        return _proxy_url("proxy in extra", proxy)
    parts = urlsplit(base_url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        return None
    return _proxy_url(f"{parts.scheme}_proxy of the environment", proxy)


def _proxy_url(origin: str, proxy: str) -> str:
    """Return the URL of a proxy; without a scheme it is an HTTP proxy, as for curl."""
    url = proxy.strip() if "://" in proxy else f"http://{proxy.strip()}"
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        kind = "a SOCKS proxy" if scheme.startswith("socks") else "an unknown kind of proxy"
        raise InvalidArgumentError(f"{origin} names {kind} ({scheme}://). Only HTTP proxies are supported.")
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:  # invalid brackets or port
        is_complete = False
    if not is_complete:
        raise InvalidArgumentError(
            f"{origin} must be http://[user:password@]host[:port]; special characters of user and password are "
            "percent-encoded, such as %2F for a slash."
        )
    return f"{scheme}://{parts.netloc}"
