from __future__ import annotations

import lzma
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.emulator.http.object_checksums import crc64


def crc64_of_xz(content: bytes) -> int:
    """The xz format contains the same checksum: the last 8 bytes before its index."""
    packed = lzma.compress(content, check=lzma.CHECK_CRC64)
    end = len(packed) - 12 - 4 * (int.from_bytes(packed[-8:-4], "little") + 1)
    return int.from_bytes(packed[end - 8 : end], "little")


def test_the_check_value_of_the_polynomial():
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA
    assert crc64(b"") == 0


@given(st.binary(min_size=1, max_size=200))
def test_short_content_has_the_checksum_of_xz(content):
    assert crc64(content) == crc64_of_xz(content)


@pytest.mark.parametrize("size", [255, 256, 4097, 100_000, 1_000_003])
@pytest.mark.parametrize("kind", ["random", "zeros", "ones"])
def test_long_content_has_the_checksum_of_xz(size, kind):
    content = {"random": Random(size).randbytes(size), "zeros": bytes(size), "ones": b"\xff" * size}[kind]
    assert crc64(content) == crc64_of_xz(content)
