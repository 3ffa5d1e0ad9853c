"""Hostile answers: the reader is bounded, and accepts only what defusedxml accepts, with the same meaning."""

from __future__ import annotations

import codecs
import time
import tracemalloc
from xml.etree.ElementTree import Element, ParseError, canonicalize, tostring

import pytest
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.wire import xml
from airflow_provider_tencent_ci.core.wire.body_limit import MAX_BODY_BYTES
from airflow_provider_tencent_ci.core.wire.xml import MAX_MARKUP, read_xml
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError
from fuzz.answers import answer_of
from tests.core.script import job_xml, page
from tests.core.wire.test_fuzz import CORPUS
from tests.core.wire.test_xml import BOMB, EXTERNAL, UNREADABLE
from tests.strategies import elements, xml_text

ROOTS = ("Response", "Error")


def outcome(body: bytes, root: str) -> str:
    """Return the content of an answer, or the reason for its refusal."""
    try:
        return content_of(read_xml(body, root))
    except UnreadableResponseError as error:
        return f"refused: {error}"


def by_defusedxml(body: bytes) -> str:
    """Return the result of defusedxml for the answer as UTF-8; for characters that XML forbids, with others instead."""
    try:
        text = body.decode("utf-8-sig")
        try:
            element = fromstring(text, forbid_dtd=True)
        except ParseError:
            element = fromstring(xml._STOPS_A_PARSER.sub(xml._stand_in, text), forbid_dtd=True)
    except (DefusedXmlException, ParseError, ValueError) as error:
        return f"refused: {error}"
    xml._normalise([element], xml._MAX_DEPTH, {})
    return content_of(element)


def content_of(element: Element) -> str:
    """Return an element as text, with stand-ins for characters that XML forbids."""
    for node in element.iter():
        node.text = node.text and node.text.translate(xml._STAND_INS)
    return canonicalize(tostring(element, encoding="unicode"))


def assert_accepts_no_more(body: bytes) -> None:
    for root in ROOTS:
        found = outcome(body, root)
        assert found.startswith("refused: ") or found == by_defusedxml(body)


def declared(encoding: str, text: str) -> bytes:
    """A declaration in ASCII, and a document in the encoding that it names."""
    return f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + text.encode(encoding, "xmlcharrefreplace")


@pytest.mark.parametrize(
    "head", ["", '<?xml version="1.0"?>', "<?xml version='1.0' encoding='UTF-8' ?>\r\n"], ids=["bare", "1.0", "utf-8"]
)
@pytest.mark.parametrize("nodes", [{}, {"Name": "夜间"}, {"Name": "a&amp;b&#65;&lt;!"}, {"Name": "<?pi?>x"}])
def test_an_answer_is_parsed_as_defusedxml_parses_it(head, nodes):
    body = head.encode() + page(job_xml(**nodes), next_token="2").body
    assert outcome(body, "Response") == by_defusedxml(body)


FILLED = MAX_BODY_BYTES // 16
BOUNDED = {
    "elements": b"<Response>" + b"<a/>" * FILLED + b"</Response>",
    "elements behind a comment": b"<!-- --><Response>" + b"<a/>" * FILLED + b"</Response>",
    "elements with attributes": b"<Response>" + b'<a b=""/>' * FILLED + b"</Response>",
    "attributes": b"<Response " + b" ".join(b'a%x=""' % number for number in range(FILLED)) + b"/>",
    "depth": b"<Response>" + b"<a>" * FILLED + b"</a>" * FILLED + b"</Response>",
}


@pytest.mark.parametrize("body", BOUNDED.values(), ids=BOUNDED.keys())
def test_an_answer_with_too_much_markup_is_refused_before_parsing(body):
    tracemalloc.start()
    began_at = time.process_time()
    try:
        assert outcome(body, "Response") == f"refused: The answer has more than {MAX_MARKUP} tags and attributes."
        assert tracemalloc.get_traced_memory()[1] < 2 * len(body)
    finally:
        tracemalloc.stop()
    assert time.process_time() - began_at < 1


def test_a_long_page_is_below_the_limit():
    body = page(*[job_xml(f"b{number}", Name="x" * 100) for number in range(100)]).body
    assert body.count(b"<") + body.count(b"=") < MAX_MARKUP / 10, "a job may have ten times as many"
    assert not outcome(body, "Response").startswith("refused")


@pytest.mark.parametrize("path", CORPUS, ids=[path.name[:8] for path in CORPUS])
def test_the_fuzzer_s_corpus_is_accepted_only_where_defusedxml_accepts_it(path):
    assert_accepts_no_more(answer_of(path.read_bytes()).body)


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_no_unreadable_answer_is_accepted(body):
    assert_accepts_no_more(body.encode() if isinstance(body, str) else body)


ENCODINGS = [
    *("ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"),
    *("iso-8859-1", "cp1252", "cp037", "cp500", "gbk", "gb18030", "big5", "shift_jis"),
]
# "<!" in bytes that mean something else in UTF-8, or are invalid in it.
OVERLONG = b"\xc0\xbc\xc0\xa1DOCTYPE Response [<\xc0\xa1ENTITY a 'b'>]><Response>&a;</Response>"
ODD = {
    "overlong": OVERLONG,
    "overlong after a declaration": b'<?xml version="1.0" encoding="utf-8"?>' + OVERLONG,
    "overlong within": b"<Response>" + OVERLONG + b"</Response>",
    "UTF-16 behind an element": b"<Response/>" + EXTERNAL.encode("utf-16"),
    "a mark in front": codecs.BOM_UTF8 + b"<Response/>",
    "a mark behind a declaration": b'<?xml version="1.0"?>' + codecs.BOM_UTF8 + b"<Response/>",
    "two declarations": b'<?xml version="1.0"?><?xml version="1.0" encoding="cp037"?><Response/>',
    "a declaration behind a blank": b' <?xml version="1.0" encoding="cp037"?><Response/>',
    "another version": b'<?xml version="1.1"?><Response/>',
    "quotes that do not match": b"<?xml version=\"1.0'?><Response/>",
    "standing alone": b'<?xml version="1.0" encoding="utf-8" standalone="no"?><Response>&a;</Response>',
    "a vertical tab for a blank": b'<?xml\x0bversion="1.0"?><Response/>',
    "character data": b"<Response><A><![CDATA[<!DOCTYPE]]></A></Response>",
    "a comment": b"<Response><!-- <!DOCTYPE --><A>1</A></Response>",
    "an instruction": b'<?xml-stylesheet href="x"?><Response><A>1<?xml-x encoding="cp037"?>2</A></Response>',
    "an instruction behind": b"<Response/><?x?>",
    "an undefined entity": b"<Response>&a;</Response>",
    "an invalid character": b"<Response>&#0;&#xd800;</Response>",
    "NUL": b"<Response>\0</Response>",
    "two roots": b"<Response/><Response/>",
    "an unbound prefix": b"<x:Response/>",
    "the prefix xml": b'<xml:Response xml:lang="en"/>',
    "attributes twice": b"<Response a='1' a='2'/>",
    "a brace in an attribute": b"<Response a='}'/>",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
def test_a_malformed_document_is_accepted_only_if_defusedxml_accepts_it(body):
    assert_accepts_no_more(body)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "document", [BOMB, EXTERNAL, "<!DOCTYPE Response><Response/>"], ids=["bomb", "external", "DTD"]
)
def test_a_dtd_is_refused_in_every_encoding(encoding, document):
    document = document.removeprefix('<?xml version="1.0"?>')
    bodies = [
        document.encode(encoding),
        declared(encoding, document),
        declared("utf-8", "") + document.encode(encoding),
    ]
    for body in bodies:
        assert outcome(body, "Response").startswith("refused: ")
        assert_accepts_no_more(body)


def test_an_answer_in_another_encoding_is_refused_and_never_misread():
    text = "<Response><Name>é</Name></Response>"
    expected = outcome(text.encode(), "Response")
    for encoding in set(ENCODINGS) - {"utf-7"}:  # UTF-7 is ASCII, which is also UTF-8
        for body in (text.encode(encoding, "xmlcharrefreplace"), declared(encoding, text)):
            found = outcome(body, "Response")
            assert found == expected or found.startswith("refused: ")


@pytest.mark.parametrize("depth", [1, 63, 64, 65, 5_000])
def test_the_depth_is_bounded_at_64(depth):
    body = b"<Response>" + b"<a>" * (depth - 1) + b"</a>" * (depth - 1) + b"</Response>"
    assert_accepts_no_more(body)
    assert outcome(body, "Response").startswith("refused") == (depth > 64)


def test_a_deep_leaf_loses_its_namespace():
    body = b"<Response xmlns='urn:x'>" + b"<a>" * 62 + b"<b/>" + b"</a>" * 62 + b"</Response>"
    tags = [element.tag for element in read_xml(body, "Response").iter()]
    assert tags == ["Response", *["a"] * 62, "b"]


parts = st.sampled_from(
    [
        *('<?xml version="1.0"?>', '<?xml version="1.0" encoding="cp037"?>', "<?xml version='1.0' encoding='utf-8'?>"),
        *("<Response>", "</Response>", "<Response/>", "<Error a='b'>", "</Error>", "<a>", "</a>", "<x:a>", "</x:a>"),
        *("<Response xmlns='u'>", "<a xmlns:x='v'>", "<!DOCTYPE Response>", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;"),
        *(
            "<!--x-->",
            "<![CDATA[x]]>",
            "<?x y?>",
            "&amp;",
            "&#65;",
            "&nbsp;",
            "<",
            "<!",
            ">",
            "]]>",
            " ",
            "\n",
            "\ufeff",
        ),
    ]
)
broken = st.lists(parts | xml_text, max_size=8).map("".join)
whole = st.lists(elements | parts, max_size=4).map("".join).map("<Response>{}</Response>".format)


@given(st.sampled_from(ENCODINGS), broken | whole | st.builds("{}{}".format, parts, whole))
def test_anything_in_any_encoding_is_accepted_only_where_defusedxml_accepts_it(encoding, text):
    assert_accepts_no_more(text.encode(encoding, "xmlcharrefreplace"))


@given(st.binary())
def test_any_bytes_are_accepted_only_where_defusedxml_accepts_them(content):
    assert_accepts_no_more(content)
    assert_accepts_no_more(b"<Response>" + content + b"</Response>")
