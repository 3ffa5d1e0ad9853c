"""
The head of an answer: the rules that both drivers keep (RFC 9112).

The standard library guesses what a broken head means, so that a request that had no whole answer may end well, and
``aiohttp`` refuses most of such heads. So this module reads the head for the blocking driver, strictly, and refuses for
the asynchronous one what only ``aiohttp`` accepts.
"""

from __future__ import annotations

import http.client
import io
import re
from collections.abc import Sequence
from contextlib import suppress

# The limits of the standard library, for both drivers.
MAX_HEADERS = 100
MAX_LINE_BYTES = 65_536

_PROTOCOL = b"HTTP/1."
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])(?: [^\0\r\n]*)?\r?\n")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*\r?\n")
_CONTINUATION_LINE = re.compile(rb"[ \t][^\0\r\n]*\r?\n")
_CONTENT_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\0\r\n]*)?\r\n")
_SWITCHING_PROTOCOLS = 101


def read_final_head(reader: io.BufferedReader) -> bytes:
    """
    Read the head of an answer, and before it those of all interim answers.

    :raises http.client.HTTPException: it is not valid, or too long.
    :raises ConnectionError: the connection ended within it.
    """
    while True:
        head = _read_head(reader)
        status = int(head[9:12])
        if status >= 200 or status == _SWITCHING_PROTOCOLS:
            return head


def check_final_head(version: tuple[int, int] | None, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """
    Check a head that ``aiohttp`` has accepted.

    :raises http.client.HTTPException: the other driver does not accept it.
    """
    if version not in ((1, 0), (1, 1)) or status < 100:
        raise http.client.HTTPException
    _check_headers(headers)


def check_bytes_behind(behind: bytes) -> None:
    """
    Check bytes that came with an answer, behind its end.

    Empty lines and another answer do not belong to it: they are dropped (RFC 9112, 6.3), as ``aiohttp`` does.

    :raises http.client.HTTPException: they are something else, so the answer's length may be wrong.
    """
    message = behind.lstrip(b"\r\n")
    if not message.startswith(_PROTOCOL[: len(message)]):
        raise http.client.HTTPException
    if message:
        with suppress(ConnectionError):  # only a part of it has come
            read_final_head(io.BufferedReader(io.BytesIO(message)))


def chunk_size(line: bytes) -> int:
    """
    Read the line before a chunk.

    :raises http.client.HTTPException: it is not valid.
    """
    found = _CHUNK_SIZE_LINE.fullmatch(line)
    if not found:
        raise http.client.HTTPException
    return int(found[1], 16)


def header_text(value: bytes) -> str:
    """Return the value of a header; no character in it prevents that it is logged."""
    return value.decode("utf-8", "replace")


def read_line(reader: io.BufferedReader) -> bytes:
    """
    Read a line with its end.

    :raises http.client.HTTPException: it is too long.
    :raises ConnectionError: the connection ended within it.
    """
    line = reader.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES:
        raise http.client.HTTPException
    if not line.endswith(b"\n"):
        raise ConnectionResetError
    return line


def _read_head(reader: io.BufferedReader) -> bytes:
    lines = [_read_status_line(reader)]
    if not _STATUS_LINE.fullmatch(lines[0]):
        raise http.client.HTTPException
    headers: list[tuple[bytes, bytes]] = []
    while (line := read_line(reader)) not in (b"\r\n", b"\n"):
        lines.append(line)
        if found := _HEADER_LINE.fullmatch(line):
            headers.append((found[1], found[2]))
        elif not headers or not _CONTINUATION_LINE.fullmatch(line):
            raise http.client.HTTPException
        if len(lines) > MAX_HEADERS + 1:
            raise http.client.HTTPException
    _check_headers(headers)
    return b"".join([*lines, line])


def _read_status_line(reader: io.BufferedReader) -> bytes:
    if not reader.peek(1)[:1].strip(b"H\r\n"):  # the beginning of a status line, of line ends before it, or nothing
        line = read_line(reader)
        while line in (b"\r\n", b"\n"):
            line = read_line(reader)
        return line
    raise http.client.HTTPException  # such as an alert of TLS


def _check_headers(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Check the number of headers, their characters, and those that say how long the body is (RFC 9112, 6.3)."""
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    codings = [value.lower() for name, value in headers if name.lower() == b"transfer-encoding"]
    is_certain = (
        len(headers) <= MAX_HEADERS
        and all(b"\0" not in value for _, value in headers)  # aiohttp 3.10 takes it for a character
        and len(lengths) + len(codings) <= 1
        and all(_CONTENT_LENGTH.fullmatch(length) for length in lengths)
        and all(coding == b"chunked" for coding in codings)
    )
    if not is_certain:
        raise http.client.HTTPException
