from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator.http.server import _is_loopback


@pytest.mark.parametrize(
    ("address", "is_near"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.1", False), (None, False)],
)
def test_the_control_api_accepts_local_requests_only(address, is_near):
    assert _is_loopback(address) is is_near
