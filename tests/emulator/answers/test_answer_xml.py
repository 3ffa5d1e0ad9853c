from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator.answers.answer_xml import error_body, numbered_page, response_body
from airflow_provider_tencent_ci.emulator.model.switches import AnswerForm
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\rb", "a&#13;b"),
        ("a\tb\nc", "a\tb\nc"),
        ("<&>", "&lt;&amp;&gt;"),
        ("a\x00b\x1fc", "a\ufffdb\ufffdc"),
        ("\ud800", "\ufffd"),
        ("夜\U0001f319", "夜\U0001f319"),
    ],
)
def test_a_text_is_written_so_that_a_parser_reads_it(text, written):
    assert response_body([("Name", text)]).decode() == f"<Response><Name>{written}</Name></Response>"


def test_nodes_keep_their_order_and_may_repeat():
    body = response_body([("A", "1"), ("B", [("C", "2"), ("C", "3")]), ("A", "4")])
    assert body == b"<Response><A>1</A><B><C>2</C><C>3</C></B><A>4</A></Response>"


@pytest.mark.parametrize(
    ("form", "more"),
    [
        (AnswerForm(), ""),
        (AnswerForm(cos_style_errors=True), "<StringToSign>sha1</StringToSign><Resource>/a</Resource>"),
    ],
)
def test_only_an_error_of_cos_contains_details_and_the_resource(form, more):
    error = ServiceError(403, "AccessDenied", "No.", details={"StringToSign": "sha1"})
    body = error_body(error, form, path="/a", request_id="r", trace_id="t").decode()
    head = "<Code>AccessDenied</Code><Message>No.</Message>"
    assert body == f"<Error>{head}{more}<RequestId>r</RequestId><TraceId>t</TraceId></Error>"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"pageSize": "2"}, ["0", "1"]),
        ({"pageSize": "2", "pageNumber": "2"}, ["2"]),
        ({"pageNumber": "x"}, ["0", "1", "2"]),
        ({"pageNumber": "9"}, []),
    ],
)
def test_a_numbered_page_contains_the_total_and_its_own_entries(query, names):
    body = numbered_page("r", "Queue", [[("Name", str(number))] for number in range(3)], query).decode()
    assert "<TotalCount>3</TotalCount>" in body
    assert [name for name in "0123" if f"<Queue><Name>{name}</Name></Queue>" in body] == names
