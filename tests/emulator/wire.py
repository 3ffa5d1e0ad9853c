"""A small client for these tests: signs with the shared signer and returns every byte of the answer."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.signing import authorization, query_string
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model import defaults

KEYS = Credentials(defaults.SECRET_ID, defaults.SECRET_KEY)
HOST = f"{defaults.BUCKET}.ci.{defaults.REGION}.myqcloud.com"
JOBS = "/inventorytriggerjob"
EXECUTIONS = "/workflowexecution"

#: Keys of objects that a path, a query, a line of text or XML may change on its way.
ODD_KEYS = [
    "a.txt",
    "夜间/a b+c.txt",
    "a%20b",
    "a&b=c?d#e",
    "~!*'()",
    "a//b",
    "./a",
    "a/../b",
    "tail ",
    "a\tb",
    "a\nb",
    "a\rb",
    "x\u2028y\x85z",
    "😀",
]

Query = Iterable[tuple[str, str | None]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def xml(self) -> Element:
        return fromstring(self.body)

    @property
    def code(self) -> str | None:
        return self.xml.findtext("Code")

    @property
    def message(self) -> str:
        return self.xml.findtext("Message") or ""

    def texts(self, path: str) -> list[str | None]:
        return [node.text for node in self.xml.findall(path)]

    def text(self, path: str) -> str:
        return self.xml.findtext(path) or ""


def sign_time(start: int = -60, end: int = 600) -> str:
    now = int(datetime.now(UTC).timestamp())
    return f"{now + start};{now + end}"


def signed_headers(
    method: str,
    path: str,
    query: Query = (),
    *,
    keys: Credentials = KEYS,
    headers: Mapping[str, str] | None = None,
    when: str | None = None,
) -> dict[str, str]:
    """Sign all of ``headers``, the host included, and return them with ``Authorization``."""
    signed = {"host": HOST, **(headers or {})}
    return {**signed, "authorization": authorization(method, path, query, signed, keys, when or sign_time())}


def exchange(
    emulator: Emulator, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", timeout: float = 10
) -> Answer:
    """Send exactly these bytes; ``Content-Length`` is not added."""
    address = urlsplit(emulator.url)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def call(
    emulator: Emulator,
    method: str,
    path: str,
    query: Query = (),
    *,
    body: bytes = b"",
    keys: Credentials = KEYS,
    headers: Mapping[str, str] | None = None,
    unsigned: Mapping[str, str] | None = None,
    timeout: float = 10,
) -> Answer:
    """Send a signed request that the service accepts."""
    query = tuple(query)
    own = dict(headers or {})
    if body:
        own.setdefault("content-type", "application/xml")
    sent = signed_headers(method, path, query, keys=keys, headers=own)
    if method in ("POST", "PUT"):
        sent["content-length"] = str(len(body))
    target = quote(path) + (f"?{query_string(query)}" if query else "")
    return exchange(emulator, method, target, {**sent, **(unsigned or {})}, body, timeout)


def request_body(
    *,
    name: str = "nightly",
    type: str | None = "Workflow",
    inputs: str = "<Prefix>media/</Prefix>",
    operation: str = f"<WorkflowIds>{defaults.WORKFLOW_ID}</WorkflowIds>",
) -> bytes:
    type_node = f"<Type>{type}</Type>" if type else ""
    return (
        f"<Request><Name>{name}</Name>{type_node}<Input>{inputs}</Input><Operation>{operation}</Operation></Request>"
    ).encode()


NODE_OPERATION = (
    "<Tag>Transcode</Tag><JobParam><TemplateId>t1</TemplateId></JobParam>"
    f"<Output><Region>ap-beijing</Region><Bucket>{defaults.BUCKET}</Bucket>"
    "<Object>out/${InputNameAndExt}</Object></Output>"
)


def node_body(**parts: Any) -> bytes:
    return request_body(**{"type": "Job", "operation": NODE_OPERATION, **parts})


def create(emulator: Emulator, **parts: Any) -> str:
    """Create a batch and return its id."""
    answer = call(emulator, "POST", JOBS, body=request_body(**parts))
    assert answer.status == 200, answer.body
    return answer.text("JobsDetail/JobId")


def control(emulator: Emulator, method: str, path: str, /, **fields: Any) -> tuple[int, Any]:
    body = json.dumps(fields).encode()
    headers = {"host": "127.0.0.1", "content-length": str(len(body))}
    answer = exchange(emulator, method, f"/_emulator/{path}", headers, body)
    return answer.status, json.loads(answer.body)
