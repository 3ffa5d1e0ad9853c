"""The fast way to read XML gives what defusedxml alone gives, and lets nothing through that it would not."""

from __future__ import annotations

import codecs
from unittest import mock
from xml.etree.ElementTree import canonicalize, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.wire import xml
from airflow_provider_tencent_ci.core.wire.xml import read_xml
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError
from fuzz.answers import answer_of
from tests.core.script import job_xml, page
from tests.core.wire.test_fuzz import CORPUS
from tests.core.wire.test_xml import BOMB, EXTERNAL, UNREADABLE
from tests.strategies import elements, xml_text

ROOTS = ("Response", "Error")


def outcome(body: bytes, root: str) -> str:
    """What an answer says, or why it is refused."""
    try:
        return canonicalize(tostring(read_xml(body, root), encoding="unicode"))
    except UnreadableResponseError as error:
        return f"refused: {error}"


def by_defusedxml(body: bytes, root: str) -> str:
    with mock.patch.object(xml, "_read_plain", return_value=None):
        return outcome(body, root)


def assert_alike(body: bytes) -> None:
    for root in ROOTS:
        assert outcome(body, root) == by_defusedxml(body, root)


def declared(encoding: str, text: str) -> bytes:
    """A declaration that anybody can read, and a document in an encoding that only those can who believe it."""
    return f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + text.encode(encoding, "xmlcharrefreplace")


@pytest.mark.parametrize(
    "head", ["", '<?xml version="1.0"?>', "<?xml version='1.0' encoding='UTF-8' ?>\r\n"], ids=["bare", "1.0", "utf-8"]
)
@pytest.mark.parametrize("nodes", [{}, {"Name": "夜间"}, {"Name": "a&amp;b&#65;&lt;!"}, {"Name": "<?pi?>x"}])
def test_what_the_service_writes_is_read_without_defusedxml(head, nodes):
    body = head.encode() + page(job_xml(**nodes), next_token="2").body
    expected = by_defusedxml(body, "Response")
    with mock.patch.object(xml, "fromstring", side_effect=AssertionError("not needed")):
        assert outcome(body, "Response") == expected
    assert not expected.startswith("refused")


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE Response><Response/>",
        b"<Response><!-- --></Response>",
        b"<Response><![CDATA[]]></Response>",
        b" <Response/>",
        b"<?x?><Response/>",
        b'<?xml version="1.0" encoding="iso-8859-1"?><Response/>',
        b"<Response>",
    ],
)
def test_what_could_declare_something_and_what_is_not_plain_is_defusedxml_s_to_judge(body):
    with mock.patch.object(xml, "fromstring", wraps=xml.fromstring) as judge:
        outcome(body, "Response")
    judge.assert_called_once_with(body, forbid_dtd=True)


@pytest.mark.parametrize("path", CORPUS, ids=[path.name[:8] for path in CORPUS])
def test_both_ways_agree_on_the_fuzzer_s_corpus(path):
    assert_alike(answer_of(path.read_bytes()).body)


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_both_ways_refuse_with_the_same_words(body):
    assert_alike(body.encode() if isinstance(body, str) else body)


ENCODINGS = [
    *("ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"),
    *("iso-8859-1", "cp1252", "cp037", "cp500", "gbk", "gb18030", "big5", "shift_jis"),
]
# "<!" in bytes that are something else in UTF-8, or are nothing in it.
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
    "an entity of nobody's": b"<Response>&a;</Response>",
    "a character of nobody's": b"<Response>&#0;&#xd800;</Response>",
    "NUL": b"<Response>\0</Response>",
    "two roots": b"<Response/><Response/>",
    "an unbound prefix": b"<x:Response/>",
    "the prefix xml": b'<xml:Response xml:lang="en"/>',
    "attributes twice": b"<Response a='1' a='2'/>",
    "a brace in an attribute": b"<Response a='}'/>",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
def test_both_ways_agree_on_odd_documents(body):
    assert_alike(body)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "document", [BOMB, EXTERNAL, "<!DOCTYPE Response><Response/>"], ids=["bomb", "external", "DTD"]
)
def test_a_dtd_is_refused_in_every_encoding_declared_or_not(encoding, document):
    document = document.removeprefix('<?xml version="1.0"?>')
    bodies = [
        document.encode(encoding),
        declared(encoding, document),
        declared("utf-8", "") + document.encode(encoding),
    ]
    for body in bodies:
        assert outcome(body, "Response").startswith("refused: ")
        assert_alike(body)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_both_ways_agree_on_an_answer_in_any_encoding(encoding):
    text = "<Response><Name>é</Name></Response>"
    for body in (text.encode(encoding, "xmlcharrefreplace"), declared(encoding, text)):
        assert_alike(body)


@pytest.mark.parametrize("depth", [1, 63, 64, 65, 5_000])
def test_both_ways_bound_the_depth_at_64(depth):
    body = b"<Response>" + b"<a>" * (depth - 1) + b"</a>" * (depth - 1) + b"</Response>"
    assert_alike(body)
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
def test_both_ways_agree_on_anything_in_any_encoding(encoding, text):
    assert_alike(text.encode(encoding, "xmlcharrefreplace"))


@given(st.binary())
def test_both_ways_agree_on_any_bytes(content):
    assert_alike(content)
    assert_alike(b"<Response>" + content + b"</Response>")
