"""The configuration of a transport: the endpoint of the service, credentials, proxy, limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airflow_provider_tencent_ci.core.wire.bucket_name import check_bucket, check_region
from airflow_provider_tencent_ci.core.wire.error_codes import CHECK_KEY_ADVICE
from airflow_provider_tencent_ci.core.wire.messages import COS, Request
from airflow_provider_tencent_ci.core.wire.request_credentials import CredentialsProvider
from airflow_provider_tencent_ci.core.wire.service_dialect import CI_DIALECT, Dialect
from airflow_provider_tencent_ci.core.wire.service_observer import ServiceObserver
from airflow_provider_tencent_ci.core.wire.signing import encode, query_string
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

CONNECT_TIMEOUT_SECONDS = 10.0

# From connecting to the last byte read. CI documents no limit; the official SDK's default is 30 s, too.
REQUEST_TIMEOUT_SECONDS = 30.0

# Of one count or list. More than 16 gains little: at 20 ms an answer, 16 connections carry 800 requests a second.
MAX_CONNECTIONS = 16

# Each service has a second domain (docs/service.md, 1.1).
_SECOND_CI_DOMAIN, _SECOND_COS_DOMAIN = ".tencentci.cn", ".tencentcos.cn"

_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    The address of one bucket's CI service, and of its objects.

    :param base_url: scheme and authority to connect to, without a trailing slash.
    :param host: the value of ``Host``, which names the bucket and is signed.
    :param objects: the address of the bucket's objects in COS; ``None`` if there are none.
    """

    base_url: str
    host: str
    objects: Endpoint | None = None

    @classmethod
    def of_bucket(cls, bucket: str, region: str, endpoint_url: str | None = None) -> Endpoint:
        """
        Return the documented address, ``https://<bucket>.ci.<region>.myqcloud.com``, or an override of it.

        :param endpoint_url: where to connect instead (an emulator, your own proxy): the ``Host`` stays the bucket's
            documented one, since only it names the bucket. With ``{bucket}`` in it, optionally also ``{region}``, the
            URL's own host is the ``Host``, such as ``https://{bucket}.ci.{region}.example.com``; for objects, ``.ci.``
            becomes ``.cos.``, and ``tencentci.cn`` becomes ``tencentcos.cn``.
        :raises InvalidArgumentError: a value is missing or invalid; the message names it.
        """
        check_bucket(bucket)
        check_region(region)
        ci_host, cos_host = f"{bucket}.ci.{region}.myqcloud.com", f"{bucket}.cos.{region}.myqcloud.com"
        if not endpoint_url:
            return cls(f"https://{ci_host}", ci_host, cls(f"https://{cos_host}", cos_host))
        url = base_url("endpoint_url", endpoint_url.replace("{bucket}", bucket).replace("{region}", region))
        if "{bucket}" not in endpoint_url:
            return cls(url, ci_host, cls(url, cos_host))
        cos_url = url.replace(".ci.", ".cos.", 1)
        if cos_url.endswith(_SECOND_CI_DOMAIN):
            cos_url = cos_url.removesuffix(_SECOND_CI_DOMAIN) + _SECOND_COS_DOMAIN
        return cls(url, urlsplit(url).netloc, cls(cos_url, urlsplit(cos_url).netloc))

    def of(self, request: Request) -> Endpoint:
        """Return the endpoint of a request: the objects', or this one."""
        return self.objects if request.service == COS and self.objects else self

    def url_of(self, request: Request) -> str:
        """Return the URL as it is sent: encoded as it is signed."""
        start = request.path[: len(request.path) - len(request.last_segment)]
        path = "/".join(map(_encoded_segment, start.split("/"))) + _encoded_segment(request.last_segment)
        return f"{self.base_url}{path}" + (f"?{query_string(request.query)}" if request.query else "")


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """
    The configuration of a transport.

    :param credentials: called for each request, since temporary credentials are refreshed during a long wait.
    :param verify: whether the server's certificate is checked, or the path of a CA bundle to check it with.
    :param proxy: the URL of an HTTP proxy for batch jobs, or ``None``.
    :param objects_proxy: the same for objects, which have another host: ``no_proxy`` may name one of the two.
    :param request_timeout: seconds for one exchange, from connecting to the last byte read.
    :param place: the connection and the bucket, in front of the message of an error. Equal configurations may have
        different ones.
    :param requests_per_second: an upper limit of one process for this endpoint, for requests from event loops: those
        of a triggerer, and those of counts and lists. Without one, the rate adapts to the service alone.
    :param max_connections: how many requests of a count or a list are in flight at a time, 1 to 100.
    :param dialect: how the service's requests are signed, and its refusals read.
    :param key_advice: what to do if the service does not accept the key; depends on the source of the credentials.
    :param observer: is told about requests and waits; ``None`` for none.
    """

    bucket: str
    region: str
    endpoint: Endpoint
    credentials: CredentialsProvider
    verify: bool | str = True
    proxy: str | None = field(default=None, repr=False)  # may have a password
    objects_proxy: str | None = field(default=None, repr=False)
    request_timeout: float = REQUEST_TIMEOUT_SECONDS
    place: str = field(default="", compare=False)
    requests_per_second: float | None = None
    max_connections: int = MAX_CONNECTIONS
    dialect: Dialect = CI_DIALECT
    key_advice: str = CHECK_KEY_ADVICE
    observer: ServiceObserver | None = field(default=None, compare=False, repr=False)

    def proxy_of(self, request: Request) -> str | None:
        """Return the proxy of a request: the objects', or the batch jobs'."""
        return self.objects_proxy if request.service == COS and self.endpoint.objects else self.proxy


def _encoded_segment(segment: str) -> str:
    """Encode a segment of a path. HTTP libraries remove segments of dots, but not encoded ones."""
    return encode(segment) if segment.strip(".") else segment.replace(".", "%2E")


def base_url(field: str, url: str) -> str:
    """
    Return scheme and authority of a URL without other parts.

    :param field: the name of the URL, for the error.
    :raises InvalidArgumentError: it has more, or is no URL.
    """
    try:
        parts = urlsplit(url)
        has_address = parts.scheme in ("http", "https") and _AUTHORITY.fullmatch(parts.netloc) and parts.port != 0
        if has_address and not (parts.path.strip("/") or parts.query or parts.fragment):
            return f"{parts.scheme}://{parts.netloc}"
    except ValueError:  # invalid brackets or port
        pass
    raise InvalidArgumentError(f"{field} must be http(s)://host[:port], with no user, path or query.")
