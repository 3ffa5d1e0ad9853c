"""One table of raw answers: both drivers read each in the same way, or refuse it with the same words."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.wire.flow_steps import send
from airflow_provider_tencent_ci.core.wire.messages import Request
from tests.transport.conftest import configuration
from tests.transport.servers import RawServer

OK, BODY, LENGTH = b"HTTP/1.1 200 OK", b"<Response/>", b"Content-Length: 11"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"b\r\n<Response/>\r\n0\r\n\r\n"
INVALID, BROKE = "the answer is not valid HTTP", "the connection broke"


def raw(*headers, status=OK, length=LENGTH, body=BODY):
    return b"".join(line + b"\r\n" for line in [status, *headers, *([length] if length else [])]) + b"\r\n" + body


def chunked(body, *headers, status=OK):
    return raw(CHUNKED, *headers, status=status, length=b"", body=body)


READ = {
    "plain": raw(),
    "lines that end in a line feed": raw().replace(b"\r\n", b"\n"),
    "a line before the status": b"\r\n" + raw(),
    "no reason": raw(status=b"HTTP/1.1 200"),
    "an empty reason": raw(status=b"HTTP/1.1 200 "),
    "a long reason": raw(status=b"HTTP/1.1 200 " + b"a" * 9_000),
    "HTTP/1.0": raw(status=b"HTTP/1.0 200 OK"),
    "HTTP/1.0 without a length": raw(status=b"HTTP/1.0 200 OK", length=b""),
    "HTTP/1.1 without a length": raw(length=b""),
    "a length with zeros in front": raw(length=b"content-length: 0011"),
    "a folded header": raw(b"X-A: b\r\n c"),
    "an empty header": raw(b"X-A:"),
    "a header of 60 kB": raw(b"X-A: " + b"a" * 60_000),
    "98 headers": raw(*[b"X-%d: 1" % number for number in range(98)]),
    "chunks": chunked(CHUNKS),
    "chunks with extensions": chunked(CHUNKS.replace(b"b\r\n", b"b;a=b\r\n", 1)),
    "chunks with a capital size": chunked(CHUNKS.replace(b"b\r\n", b"B\r\n", 1)),
    "small chunks": chunked(b"1\r\n<\r\na\r\nResponse/>\r\n0\r\n\r\n"),
    "chunks with a trailer": chunked(CHUNKS[:-2] + b"x-ci-request-id: forged\r\n\r\n"),
    "another case of the coding": raw(b"transfer-encoding: Chunked", length=b"", body=CHUNKS),
    "an unknown content coding": raw(b"Content-Encoding: gzip"),
    "a closed connection": raw(b"Connection: close"),
    "an offered upgrade": raw(b"Upgrade: h2c"),
    "an odd cookie": raw(b"Set-Cookie: \xff=;;=,"),
    "an odd content type": raw(b"Content-Type: ;;;=\xff"),
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + raw(),
}

REFUSED = {
    "nothing": (b"", BROKE),
    "a part of the status": (b"HTTP/1.1 2", BROKE),
    "the status alone": (OK + b"\r\n", BROKE),
    "a part of a header": (OK + b"\r\nContent-Le", BROKE),
    "no end of the headers": (OK + b"\r\n" + LENGTH + b"\r\n", BROKE),
    "a part of the body": (raw(body=BODY[:-1]), BROKE),
    "an interim answer alone": (b"HTTP/1.1 100 Continue\r\n\r\n", BROKE),
    "a part of a chunk": (chunked(CHUNKS[:8]), BROKE),
    "no last chunk": (chunked(CHUNKS[:-5]), BROKE),
    "no end of the last chunk": (chunked(CHUNKS[:-2]), BROKE),
    "no status": (BODY, INVALID),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x28", INVALID),
    "HTTP/2": (raw(status=b"HTTP/2.0 200 OK"), INVALID),
    "another version": (raw(status=b"HTTP/1.2 200 OK"), INVALID),
    "lower case": (raw(status=b"http/1.1 200 OK"), INVALID),
    "a blank before the status": (b" " + raw(), INVALID),
    "two blanks in the status": (raw(status=b"HTTP/1.1  200 OK"), INVALID),
    "a tab in the status": (raw(status=b"HTTP/1.1\t200\tOK"), INVALID),
    "a status of two digits": (raw(status=b"HTTP/1.1 20 OK"), INVALID),
    "a status of four digits": (raw(status=b"HTTP/1.1 2000 OK"), INVALID),
    "a status below 100": (raw(status=b"HTTP/1.1 099 OK"), INVALID),
    "two equal lengths": (raw(LENGTH), INVALID),
    "two lengths": (raw(b"Content-Length: 5"), INVALID),
    "a list of equal lengths": (raw(length=b"Content-Length: 11, 11"), INVALID),
    "a list of lengths": (raw(length=b"Content-Length: 11, 5"), INVALID),
    "a length and chunks": (raw(CHUNKED, body=CHUNKS), INVALID),
    "a length and identity": (raw(b"Transfer-Encoding: identity"), INVALID),
    "a coding besides chunks": (raw(b"Transfer-Encoding: gzip, chunked", length=b"", body=CHUNKS), INVALID),
    "an unknown coding": (raw(b"Transfer-Encoding: identity", length=b""), INVALID),
    "two codings": (chunked(CHUNKS, CHUNKED), INVALID),
    "a header without a colon": (raw(b"X-A"), INVALID),
    "a header without a name": (raw(b": a"), INVALID),
    "a blank before the colon": (raw(b"X-A : b"), INVALID),
    "a blank in a name": (raw(b"X A: b"), INVALID),
    "another name": (raw("X-é: b".encode()), INVALID),
    "NUL in a header": (raw(b"X-A: a\0b"), INVALID),
    "a carriage return in a header": (raw(b"X-A: a\rb"), INVALID),
    "a header of 66 kB": (raw(b"X-A: " + b"a" * 66_000), INVALID),
    "120 headers": (raw(*[b"X-%d: 1" % number for number in range(120)]), INVALID),
    "more than the body": (raw(body=BODY + b"more"), INVALID),
    "a body of 204": (raw(status=b"HTTP/1.1 204 No Content"), INVALID),
}
for length in ["", "x", "+11", "-1", "0x0b", "1_1", "1 1", "11.0", "١١", "9" * 30]:
    REFUSED[f"the length {length!r}"] = raw(length=f"Content-Length: {length}".encode()), INVALID
for size in ["", "0xb", "0_b", "-b", "+b", "b b", "x", "١"]:
    REFUSED[f"the chunk size {size!r}"] = chunked(CHUNKS.replace(b"b", size.encode(), 1)), INVALID
REFUSED["another end of a chunk"] = chunked(CHUNKS.replace(b">\r\n", b">XX")), INVALID
REFUSED["chunks with line feeds"] = chunked(CHUNKS.replace(b"\r\n", b"\n")), INVALID


def answered(run, content, requests=1):
    """Return the last answer of a server that sends the same bytes to each request of one connection, then ends."""

    def answer(connection, _head):
        connection.sendall(content)
        if len(server.heads) == requests:
            connection.shutdown(socket.SHUT_WR)

    def flow():
        for _ in range(requests):
            response = yield from send(Request("POST", "/x"))
        return response

    with RawServer(answer) as server:
        response = run(configuration(server.url), flow())
        assert len(server.heads) == requests
        return response, server


@pytest.mark.parametrize("content", READ.values(), ids=READ.keys())
def test_a_valid_answer_is_read(run, content):
    response, _ = answered(run, content)
    assert (response.status, response.body) == (200, BODY)
    assert "x-ci-request-id" not in response.headers, "a trailer is no header"


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_an_answer_that_is_not_certain_is_refused(run, content, words):
    with pytest.raises(e.TransportError, match=f": {words}. The request may have reached it.") as caught:
        answered(run, content)
    assert caught.value.request_sent


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([b"X-A: 7", b"x-a: 7"], "7, 7"),
        ([b"X-A: 1", b"X-B: 2", b"X-A: 3"], "1, 3"),
        ([b"X-A:  \t b \t "], "b"),
        ([b"X-A: a\r\n b\r\n\tc"], "a b c"),
        ([b"X-A: \xc3\xa9"], "é"),
        ([b"X-A: \xe9\xff"], "\ufffd\ufffd"),
        (["X-A: 夜间".encode()], "夜间"),
    ],
)
def test_a_header_has_one_value_in_both_drivers(run, headers, value):
    response, _ = answered(run, raw(*headers))
    assert " ".join(response.headers["x-a"].split()) == value
    value.encode()


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_needs_no_length(run, status):
    response, _ = answered(run, raw(status=f"HTTP/1.1 {status} X".encode(), length=b"", body=b""))
    assert (response.status, response.body) == (status, b"")


BEHIND = {
    "an empty line": b"\r\n",
    "a line feed": b"\n",
    "empty lines": b"\r\n" * 3,
    "another answer": raw(),
    "another answer after an empty line": b"\r\n" + raw(status=b"HTTP/1.1 500 Oh"),
    "two other answers": raw() + raw(status=b"HTTP/1.1 500 Oh"),
    "one letter of another answer": b"H",
    "the status of another answer": b"HTTP/1.1 500",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
}
GARBAGE = {
    "a word": b"more",
    "a null byte": b"\0",
    "a space": b" ",
    "more of the body": b"\r\n<Response/>",
    "an unknown protocol": b"HTTX/1.1 200 OK\r\n\r\n",
    "a later version": b"HTTP/9.9 200 OK\r\n\r\n",
    "a broken header": raw(b"no colon"),
    "a request": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("answer", [raw(), chunked(CHUNKS)], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("more", BEHIND.values(), ids=BEHIND.keys())
def test_empty_lines_and_other_answers_behind_an_answer_are_dropped(run, answer, more):
    response, _ = answered(run, answer + more)
    assert (response.status, response.body) == (200, BODY)


@pytest.mark.parametrize("answer", [raw(), chunked(CHUNKS)], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("more", GARBAGE.values(), ids=GARBAGE.keys())
def test_an_answer_with_garbage_behind_it_is_refused(run, answer, more):
    with pytest.raises(e.TransportError, match=f": {INVALID}"):
        answered(run, answer + more)


@pytest.mark.parametrize("more", [b"more", raw(status=b"HTTP/1.1 500 Oh"), b"\r\n", b"HTTP/1.1 500"])
def test_bytes_after_an_answer_do_not_answer_the_next_request(run, more):
    def answer(connection, head):
        connection.sendall(raw() + more if b"/first" in head else raw(status=b"HTTP/1.1 201 Created"))

    def flow():
        with suppress(e.TransportError):  # if the bytes come with the answer, and are seen
            yield from send(Request("POST", "/first"))
        return (yield from send(Request("POST", "/second")))

    with RawServer(answer) as server:
        assert run(configuration(server.url), flow()).status == 201


def test_no_cookie_is_sent_back(run):
    _, server = answered(run, raw(b"Set-Cookie: a=b; Path=/"), requests=3)
    assert server.connections == 1
    assert not any(b"cookie" in head.lower() for head in server.heads)
