"""The certificates that both drivers trust: one context for ``requests`` and ``aiohttp``."""

from __future__ import annotations

import os
import ssl

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

# In the order in which requests and curl read them; OpenSSL itself reads the last one.
_CA_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def needs_tls(config: ServiceConfig) -> bool:
    """Whether a connection of this configuration has TLS, to the service or to a proxy."""
    urls = [config.endpoint.base_url, config.proxy, config.objects_proxy]
    if config.endpoint.objects:
        urls.append(config.endpoint.objects.base_url)
    return any(url is not None and url.startswith("https:") for url in urls)


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """
    Return the context that checks certificates; reads them from disk.

    :param verify: the path of a CA bundle, a file or a directory, which replaces all other certificates. ``True`` for
        the bundle that the environment names; without one, the system's store and the certificates of ``certifi``: a
        company adds its own CA to the first, and a small container may lack it. ``False`` checks nothing.
    :raises InvalidArgumentError: the bundle cannot be read, or has no certificate.
    """
    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if isinstance(verify, str):
        return _of_bundle("verify of the connection", verify)
    for variable in _CA_BUNDLE_VARIABLES:
        if path := os.environ.get(variable):
            return _of_bundle(f"{variable} of this process", path)
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=DEFAULT_CA_BUNDLE_PATH)
    return context


def _of_bundle(origin: str, path: str) -> ssl.SSLContext:
    try:
        if os.path.isdir(path):
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        reason = "it has no certificate in PEM format"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    raise InvalidArgumentError(f"{origin} names the CA bundle {path!r}, which cannot be used: {reason}.")
