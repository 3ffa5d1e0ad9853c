"""The fuzzer's corpus without the fuzzer, and generated answers with the service's nodes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from fuzz.answers import answer_of, check, check_error
from tests.core.script import job_xml
from tests.strategies import elements

CORPUS = sorted((Path(__file__).parents[3] / "fuzz" / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=[path.name[:8] for path in CORPUS])
def test_every_input_of_the_corpus_yields_a_value_or_a_typed_error(path):
    check(path.read_bytes())


def content_hash(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_the_corpus_is_small_and_named_by_its_content():
    assert len(CORPUS) > 200
    assert sum(path.stat().st_size for path in CORPUS) < 200_000
    assert [path.name for path in CORPUS] == [content_hash(path) for path in CORPUS]


def test_an_input_has_the_wire_format_of_an_answer():
    answer = answer_of(b"429\nRetry-After: 7\nx-ci-request-id:a:b\n\n<Error/>\n\n")
    assert (answer.status, answer.body) == (429, b"<Error/>\n\n")
    assert answer.headers == {"retry-after": "7", "x-ci-request-id": "a:b"}
    assert answer_of(b"").status == answer_of(b"42\n\n").status == 200


@pytest.mark.parametrize("text", ["x" * 3_001, "the key is the-secret-key", "the token is the-session-token"])
def test_an_error_with_too_much_text_is_a_finding(text):
    with pytest.raises(AssertionError):
        check_error(InvalidArgumentError(text))


@given(st.binary())
def test_any_body_yields_a_value_or_a_typed_error(body):
    check(b"200\n\n" + body)
    check(b"503\n\n" + body)


@given(st.integers(100, 599), st.lists(elements, max_size=4).map("".join), st.sampled_from(["Response", "Error"]))
def test_any_document_of_the_service_s_nodes_yields_a_value_or_a_typed_error(status, content, root):
    check(f"{status}\n\n<{root}>{content}{job_xml()}</{root}>".encode())
