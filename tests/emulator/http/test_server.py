from __future__ import annotations

from urllib.parse import quote, unquote

import pytest

from airflow_provider_tencent_ci.emulator.http.server import _is_loopback
from tests.emulator.wire import HOST, KEYS, ODD_KEYS, exchange, signed_headers


@pytest.mark.parametrize(
    "path", ["/a%0Ab", "/%0A", "/a%0D%0Ab", "/a//b", "//", "/a/../b", "/%2e%2e/b", "/%E2%80%A8", "/%FF"]
)
def test_every_path_reaches_the_service_as_it_was_sent(emulator, path):
    answer = exchange(emulator, "GET", path, {"host": HOST})
    assert answer.xml.tag == "Error"
    assert answer.headers["x-ci-request-id"]
    assert [request.path for request in emulator.requests] == [unquote(path)]


@pytest.mark.parametrize("key", [*ODD_KEYS, "\n", "a\r\nb"])
def test_an_object_is_written_and_read_under_an_odd_key(emulator, key):
    host = HOST.replace(".ci.", ".cos.")
    headers = {"host": host} | signed_headers("PUT", f"/{key}", keys=KEYS, headers={"host": host})
    target = f"/{quote(key)}"
    assert exchange(emulator, "PUT", target, headers | {"content-length": "1"}, b"x").status == 200
    assert emulator.bucket().objects[key].content == b"x"
    assert exchange(emulator, "GET", target, signed_headers("GET", f"/{key}", headers={"host": host})).body == b"x"


@pytest.mark.parametrize(
    ("address", "is_near"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.1", False), (None, False)],
)
def test_the_control_api_accepts_local_requests_only(address, is_near):
    assert _is_loopback(address) is is_near
