"""
XML of the service: a bounded reader and a writer.

The text may come from a proxy or an attacker. So its size, its markup and its depth are limited, and a document type is
refused. Nodes are found by name, in any order, and each one may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias, TypeVar
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser, tostring

from airflow_provider_tencent_ci.core.wire.texts import shortened
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, UnreadableResponseError

# A page of 100 jobs has about 5,000 tags and attributes. With the limit of body_limit.py, these bound the memory of an
# answer (50 MB) and the time in which it blocks an event loop (50 ms). The parser handles each line and each reference
# by itself.
MAX_MARKUP = 30_000
MAX_LINES = 100_000

# A document as nested values: a name to a text, a list of equal names, or more names. Numbers and booleans are
# accepted for writing. Reading never returns them.
Node: TypeAlias = "str | int | float | bool | Mapping[str, Node] | Sequence[Node] | None"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# Characters that XML 1.0 cannot contain, not even as a reference (XML 1.0, 2.2).
NOT_XML_1_0 = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_DEPTH = 64

# An object key may contain other characters, and a writer that does not know XML's rules puts them into its answer.
# They are read as characters of no meaning, and put back. NUL is not, since databases refuse it.
REPLACEMENT = "\ufffd"
_STAND_INS = {code: chr(0x10FF00 | code & 0xFF) for code in (*range(1, 9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)}
_ORIGINALS = {ord(stand_in): chr(code) for code, stand_in in _STAND_INS.items()}
_STOPS_A_PARSER = re.compile(rf"<!\[CDATA\[.*?\]\]>|&#(x[0-9a-fA-F]+|[0-9]+);|{NOT_XML_1_0.pattern}", re.DOTALL)
_MOST_DIGITS, _NO_CHARACTER = 7, 0x110000

# A page is parsed in parts, so that few of its elements exist at a time. Each run of the garbage collector marks what
# exists as older; after enough of that it searches the whole process, which stops a triggerer for 0.1 to 0.2 s
# (docs/scale.md).
_PART_CHARACTERS = 4096

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

# A parser reads a bare carriage return as a line feed (XML 1.0, 2.11), which would be another object key.
_REFERENCES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})

_GZIP = b"\x1f\x8b"


def read_xml(body: bytes, root: str) -> Element:
    """
    Read an answer whose root element is ``root``; namespaces are dropped.

    :raises UnreadableResponseError: it cannot be read, or has another root.
    """
    element = read_document(body)
    _check_root(element, root)
    return element


def read_document(body: bytes) -> Element:
    """
    Read an answer with any root element; namespaces are dropped.

    :raises UnreadableResponseError: it is empty, not XML, not UTF-8, cut off, has a document type, has too many tags or
        attributes, or is nested too deep.
    """
    return _parsed(body, _whole)


def read_items(
    body: bytes, root: str, name: str, read: Callable[[Element], ItemT]
) -> tuple[list[ItemT], list[Element]]:
    """
    Read the children of an answer's root element one after the other; namespaces are dropped.

    A page has thousands of elements. They do not all exist at the same time.

    :param name: of the children that are items.
    :param read: makes a value of one.
    :return: the values of the items, and the other children.
    :raises UnreadableResponseError: as :func:`read_xml`.
    """
    return _parsed(body, lambda text, originals: _items(text, originals, root, name, read))


def _parsed(body: bytes, parse: Callable[[str, Mapping[int, str]], ResultT]) -> ResultT:
    """Parse an answer; if that fails, once more with stand-ins for the characters that XML cannot contain."""
    text = _checked_text(body)
    with suppress(ParseError):
        return parse(text, {})
    try:
        return parse(_STOPS_A_PARSER.sub(_stand_in, text), _ORIGINALS)
    except ParseError as error:
        raise UnreadableResponseError(f"The answer is not well-formed XML: {shortened(str(error), 200)}.") from None


def _whole(text: str, originals: Mapping[int, str]) -> Element:
    parser = XMLParser()  # noqa: S314 - the text has no document type, so that it cannot declare an entity
    parser.feed(text)
    element: Element = parser.close()
    _normalise([element], _MAX_DEPTH, originals)
    return element


def _items(
    text: str, originals: Mapping[int, str], root: str, name: str, read: Callable[[Element], ItemT]
) -> tuple[list[ItemT], list[Element]]:
    items: list[ItemT] = []
    others: list[Element] = []
    for child in _each_child(text, originals, root):
        if child.tag == name:
            items.append(read(child))
        else:
            others.append(child)
    return items, others


def _each_child(text: str, originals: Mapping[int, str], root: str) -> Iterator[Element]:
    builder = TreeBuilder()
    above = builder.start("", {})  # the element above the root, which is there before the root is complete
    parser = XMLParser(target=builder)  # noqa: S314 - see above
    for at in range(0, len(text), _PART_CHARACTERS):
        parser.feed(text[at : at + _PART_CHARACTERS])
        for element in above:
            yield from _taken(element, max(0, len(element) - 1), originals)
    parser.close()
    _check_root(above[0], root)
    yield from _taken(above[0], len(above[0]), originals)


def _taken(element: Element, number: int, originals: Mapping[int, str]) -> list[Element]:
    """Take the first children out of an element."""
    children = element[:number]
    del element[:number]
    _normalise(children, _MAX_DEPTH - 1, originals)
    return children


def _stand_in(found: re.Match[str]) -> str:
    """Return a character that XML can contain for one that it cannot."""
    text, reference = found[0], found[1]
    if text.startswith("<"):  # a reference means nothing in character data
        return NOT_XML_1_0.sub(lambda bare: _STAND_INS.get(ord(bare[0]), REPLACEMENT), text)
    if reference is None:
        return _STAND_INS.get(ord(text), REPLACEMENT)
    digits, base = (reference[1:], 16) if reference.startswith("x") else (reference, 10)
    code = int(digits[-_MOST_DIGITS:], base) if not digits[:-_MOST_DIGITS].strip("0") else _NO_CHARACTER
    if code < _NO_CHARACTER and not NOT_XML_1_0.match(chr(code)):
        return text
    return _STAND_INS.get(code, REPLACEMENT)


def _checked_text(body: bytes) -> str:
    """
    Return the text of an answer that is safe to parse.

    The parser reads a ``str`` as UTF-8, whatever its declaration says, unless a NUL makes it look like UTF-16. So the
    searches and the parser see the same text: a document type begins with ``<!DOCTYPE``, a tag with ``<``, and an
    attribute has a ``=``.
    """
    if body.startswith(_GZIP):
        raise UnreadableResponseError("The answer is compressed, which was not asked for: check the proxy on the way.")
    try:
        text = body.decode().removeprefix("\ufeff")  # "utf-8-sig" takes longer
    except UnicodeDecodeError:
        raise UnreadableResponseError("The answer is not UTF-8.") from None
    if "\0" in text:
        raise UnreadableResponseError("The answer is not XML: it has a NUL character.")
    if "<!DOCTYPE" in text:
        raise UnreadableResponseError("The answer has a document type (DTD), which is refused.")
    if text.count("<") + text.count("=") > MAX_MARKUP:
        raise UnreadableResponseError(f"The answer has more than {MAX_MARKUP} tags and attributes.")
    if text.count("\n") + text.count("\r") + text.count("&") > MAX_LINES:
        raise UnreadableResponseError(f"The answer has more than {MAX_LINES} lines and references.")
    return text


def key_of(element: Element, name: str) -> str:
    """Return the text of a child as it is: an object key may begin or end with white space. Empty if there is none."""
    return element.findtext(name) or ""


def text_of(element: Element, *names: str) -> str:
    """Return the stripped text of the first child with one of ``names``; empty if there is none."""
    for name in names:
        if (text := element.findtext(name)) is not None:
            return text.strip()
    return ""


def to_dict(element: Element) -> dict[str, Node]:
    """Return the children as JSON-safe values; a name that repeats becomes a list, white space alone an empty text."""
    result: dict[str, Node] = {}
    for child in element:
        text = child.text or ""
        value: Node = to_dict(child) if len(child) else text if text.strip() else ""
        if child.tag not in result:
            result[child.tag] = value
        elif isinstance(present := result[child.tag], list):
            present.append(value)
        else:
            result[child.tag] = [present, value]
    return result


def write_xml(root: str, content: Mapping[str, Node]) -> bytes:
    """
    Write ``content`` below an element ``root`` as UTF-8; ``None`` leaves a node out, a list repeats it.

    :raises InvalidArgumentError: a name or a text is not valid in XML.
    """
    return _node(root, content).encode()


def element_bytes(element: Element) -> bytes:
    """
    Write a document as UTF-8, without a declaration.

    A parser reads a bare carriage return as a line feed (XML 1.0, 2.11), which would be another object key. It is
    written as a reference.
    """
    written: bytes = tostring(element, encoding="utf-8", xml_declaration=False)
    return written.replace(b"\r", b"&#13;")


def _node(name: str, value: Node) -> str:
    """Write a node; several ones for a list."""
    if value is None:
        return ""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "".join([_node(name, item) for item in value])
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidArgumentError(f"{name!r} cannot be the name of a node in the request.")
    inner = "".join([_node(*each) for each in value.items()]) if isinstance(value, Mapping) else _text(name, value)
    return f"<{name}>{inner}</{name}>" if inner else f"<{name} />"


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise InvalidArgumentError(f"{name} must be a text, a number, a mapping or a list, not {value!r}.")
    text = str(value)
    if found := NOT_XML_1_0.search(text):
        raise InvalidArgumentError(f"{name} contains {found[0]!r}, a character that XML cannot carry.")
    return text.translate(_REFERENCES)


def _check_root(element: Element, name: str) -> None:
    if _local_name(element.tag) != name:
        raise UnreadableResponseError(f"The answer's root element is {shortened(element.tag, 80)!r}, not {name!r}.")


def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _normalise(level: list[Element], levels: int, originals: Mapping[int, str]) -> None:
    """
    Drop namespaces, put characters back, and limit the depth for the recursive functions.

    :param level: the elements of one level.
    :param levels: how many there may be.
    """
    for _ in range(levels):
        for element in level:
            if "}" in element.tag:
                element.tag = _local_name(element.tag)
            if originals and element.text:
                element.text = element.text.translate(originals)
        level = [child for element in level if len(element) for child in element]
        if not level:
            return
    raise UnreadableResponseError(f"The answer is nested more than {_MAX_DEPTH} levels deep.")
