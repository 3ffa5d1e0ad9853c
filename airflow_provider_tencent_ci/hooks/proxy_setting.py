"""The proxy of a connection: its field ``proxy``, else what the environment names."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.hooks.extra_values import text_field


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
    if netloc := _proxy_authority(url):
        return f"{scheme}://{netloc}"
    raise InvalidArgumentError(
        f"{origin} must be http://[user:password@]host[:port]; special characters of user and password are "
        "percent-encoded, such as %2F for a slash."
    )


def _proxy_authority(url: str) -> str | None:
    """Return user, host and port of a URL; ``None`` if it has no host, or a user that is not percent-encoded."""
    try:
        parts = urlsplit(url)
        is_complete = parts.hostname and parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:  # invalid brackets or port
        return None
    return parts.netloc if is_complete else None
