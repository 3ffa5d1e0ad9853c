from __future__ import annotations

import gc
import tracemalloc
import unicodedata
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.wire import xml
from airflow_provider_tencent_ci.core.wire.xml import read_items, read_xml, text_of, to_dict, write_xml
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, UnreadableResponseError
from tests.strategies import any_text, reserved_text, xml_text

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE Response [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    + "]><Response>&j;</Response>"
)
EXTERNAL = '<!DOCTYPE Response [<!ENTITY x SYSTEM "file:///etc/passwd">]><Response>&x;</Response>'

LONG = "x" * 9_000

UNREADABLE = {
    "empty": "",
    "blank": " \n",
    "not XML": "upstream connect error",
    "HTML": "<html><head><title>502 Bad Gateway</title></head><body><hr></body></html>",
    "truncated": "<Response><JobsDetail><JobId>b1</Jo",
    "mismatched": "<Response><Type>Workflow</Name></Response>",
    "entity bomb": BOMB,
    "external entity": EXTERNAL,
    "DTD without entities": "<!DOCTYPE Response><Response/>",
    "undefined entity": "<Response>&nbsp;</Response>",
    "other root": "<Error><Code>x</Code></Error>",
    "binary": b"\x89PNG\r\n\x1a\n\x00\x00",
    "wrong encoding": b'<?xml version="1.0" encoding="utf-8"?><Response>\xff</Response>',
    "too deep": "<Response>" + "<a>" * 5000 + "</a>" * 5000 + "</Response>",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_anything_but_an_answer_of_the_service_raises_one_typed_error(body):
    with pytest.raises(UnreadableResponseError):
        read_xml(body.encode() if isinstance(body, str) else body, "Response")


def test_an_error_quotes_little_of_an_answer():
    with pytest.raises(UnreadableResponseError, match="xxx") as caught:
        read_xml(f"<{LONG}/>".encode(), "Response")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("body", [BOMB, EXTERNAL], ids=["bomb", "external"])
def test_no_entity_is_expanded_or_read_from_disk(body):
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableResponseError) as caught:
            read_xml(body.encode(), "Response")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert "root:" not in str(caught.value)


def test_namespaces_are_dropped():
    root = read_xml(b'<Response xmlns="urn:x"><JobsDetail><JobId>b1</JobId></JobsDetail></Response>', "Response")
    assert root.findtext("JobsDetail/JobId") == "b1"


def test_the_first_of_several_names_is_read():
    root = read_xml(b"<Response><CreationTime> 1 </CreationTime><Empty/></Response>", "Response")
    assert text_of(root, "CreateTime", "CreationTime") == "1"
    assert text_of(root, "Empty") == ""
    assert text_of(root, "Missing") == ""


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a&#3;b", "a\x03b"),
        ("a&#x0003;b&#x1B;", "a\x03b\x1b"),
        ("a\x03b\uffff&#xFFFE;", "a\x03b\uffff\ufffe"),
        ("&#x41;&#10;&#13;&#x10FFFD;&#3;", "A\n\r\U0010fffd\x03"),
        ("&#0;&#xD800;&#x110000;&#99999999999999999999;", "\ufffd" * 4),
        ("<![CDATA[a&#3;\x04]]>&#5;", "a&#3;\x04\x05"),
    ],
)
def test_a_character_that_xml_forbids_is_read_as_it_was_meant(written, text):
    root = read_xml(f"<R><Object>{written}</Object><Next>1</Next></R>".encode(), "R")
    assert root.findtext("Object") == text
    assert to_dict(root)["Next"] == "1"


@pytest.mark.parametrize(
    "body", ["<R\x03/>", "<R a='&#3;'>\x03</S>", "<R>&#x;</R>", "<R>&a;\x03</R>", "<!DOC\x03TYPE R><R/>"]
)
def test_such_a_character_excuses_nothing_else(body):
    with pytest.raises(UnreadableResponseError):
        read_xml(body.encode(), "R")


def test_children_become_values_and_repeated_nodes_become_a_list():
    root = read_xml(b"<R><A>1</A><B>\n<C> 2 </C></B><A/><A>3</A><D>\n</D></R>", "R")
    assert to_dict(root) == {"A": ["1", "", "3"], "B": {"C": " 2 "}, "D": ""}


def test_values_become_children():
    content = {"Name": "a<b>&c", "None": None, "N": 3, "F": 0.5, "T": True, "L": ["1", {"X": "2"}], "M": {}}
    assert write_xml("Request", content) == (
        b"<Request><Name>a&lt;b&gt;&amp;c</Name><N>3</N><F>0.5</F><T>true</T><L>1</L><L><X>2</X></L><M /></Request>"
    )


@pytest.mark.parametrize("text", ["\x00", "a\x0bb", "\ud800", "\ufffe"])
def test_a_character_that_xml_cannot_hold_raises_an_error_that_names_the_node(text):
    with pytest.raises(InvalidArgumentError, match="Prefix"):
        write_xml("Request", {"Input": {"Prefix": text}})


@pytest.mark.parametrize("name", ["", "a b", "1a", "a><x", "a:b", "a\n", 3, None])
def test_a_name_that_xml_cannot_hold_raises_an_error(name):
    with pytest.raises(InvalidArgumentError, match="name of a node"):
        write_xml("Request", {name: "1"})


@pytest.mark.parametrize("value", [b"ab", {"a"}, object(), 1j])
def test_a_value_that_cannot_be_a_node_raises_an_error_that_names_it(value):
    with pytest.raises(InvalidArgumentError, match="Tag must be a text, a number"):
        write_xml("Request", {"Operation": {"Tag": value}})


node_names = st.text("AbcZ_", min_size=1, max_size=4)
stripped = xml_text.map(str.strip)
nodes = st.recursive(
    st.dictionaries(node_names, stripped, min_size=1, max_size=3),
    lambda inner: st.dictionaries(
        node_names, inner | stripped | st.lists(inner | stripped, min_size=2, max_size=3), min_size=1, max_size=3
    ),
    max_leaves=5,
)


@given(nodes)
def test_written_xml_is_parsed_back(content):
    assert to_dict(read_xml(write_xml("R", content), "R")) == content


@given(any_text | xml_text)
def test_a_text_arrives_unchanged_or_is_refused(text):
    try:
        written = write_xml("R", {"A": text})
    except InvalidArgumentError:
        assert any(unicodedata.category(character) in ("Cc", "Cs", "Cn") for character in text)
        return
    [child] = read_xml(written, "R")
    assert (child.text or "", child.tag, child.attrib, list(child)) == (text, "A", {}, [])


@given(st.dictionaries(any_text | reserved_text | node_names, reserved_text | any_text))
def test_no_name_or_text_creates_another_node(content):
    try:
        written = write_xml("R", content)
    except InvalidArgumentError:
        return
    assert [(child.tag, child.attrib, len(child)) for child in read_xml(written, "R")] == [(n, {}, 0) for n in content]


@given(st.binary())
def test_no_bytes_raise_another_error(body):
    with pytest.raises(UnreadableResponseError):
        read_xml(body, "Response")


def outcome(read, *arguments):
    """Return what is read, or the text of the error."""
    try:
        return read(*arguments)
    except UnreadableResponseError as error:
        return str(error)


page_nodes = st.lists(st.tuples(st.sampled_from(["Item", "NextToken", "R"]), nodes | stripped), max_size=8)
namespaces = st.sampled_from(["", ' xmlns="urn:x"'])
characters = st.sampled_from(["A", "\x03", "&#3;"])


@st.composite
def pages(draw):
    """Return a page: perhaps with a namespace, with characters that XML forbids, or cut off."""
    children = [write_xml(name, {"R": content}).decode() for name, content in draw(page_nodes)]
    text = f"<R{draw(namespaces)}>{''.join(children)}</R>".replace("A", draw(characters))
    return text[: draw(st.none() | st.integers(0, len(text)))].encode()


@given(pages(), st.integers(1, 50))
def test_a_page_that_is_parsed_in_parts_reads_as_one_that_is_parsed_whole(body, part):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml, "_PART_CHARACTERS", part)
        in_parts = outcome(read_items, body, "R", "Item", to_dict)
    whole = outcome(read_xml, body, "R")
    if isinstance(whole, str):
        assert in_parts == whole
    else:
        items, others = in_parts
        assert items == [to_dict(child) for child in whole if child.tag == "Item"]
        assert [*map(described, others)] == [described(child) for child in whole if child.tag != "Item"]


def described(node):
    return node.tag, node.text, to_dict(node)


@pytest.mark.parametrize("levels", [62, 63, 64])
def test_a_page_may_be_as_deep_as_any_answer(levels):
    body = b"<R>" + b"<a>" * levels + b"</a>" * levels + b"</R>"
    found = [outcome(read_xml, body, "R"), outcome(read_items, body, "R", "b", to_dict)]
    assert ["nested more than 64" in str(one) for one in found] == [levels == 64] * 2


def test_few_elements_of_a_page_exist_at_a_time():
    """Those that exist when the garbage collector runs make it search the whole process, sooner or later."""
    numbers = []

    def count(item):
        if int(item.findtext("a")) % 400 == 0:
            numbers.append(sum(isinstance(one, Element) for one in gc.get_objects()))

    items = "".join(f"<Item><a>{number}</a><b/></Item>" for number in range(2000))
    read_items(f"<R>{items}</R>".encode(), "R", "Item", count)
    assert len(numbers) == 5
    assert max(numbers) < 1500
