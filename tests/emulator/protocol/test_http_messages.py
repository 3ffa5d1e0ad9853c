from __future__ import annotations

from airflow_provider_tencent_ci.emulator.protocol.http_messages import WireRequest


def test_path_and_query_of_a_request_are_decoded():
    request = WireRequest("GET", "/a%20b+c?k=a+b%2B&cancel&empty=&%E5%A4%9C=%E5%A4%9C", {})
    assert request.path == "/a b+c"
    assert request.parameters == (("k", "a b+"), ("cancel", ""), ("empty", ""), ("夜", "夜"))
