"""Inputs from outside, for the property tests."""

from __future__ import annotations

from datetime import timedelta, timezone
from xml.sax.saxutils import escape

from hypothesis import strategies as st

# With halves of surrogate pairs, which Python's texts can hold and nothing can send.
any_text = st.text(st.characters(exclude_categories=()))

# All texts that UTF-8 can encode.
text = st.text()

# Characters with a meaning in XML or URLs if they are not escaped.
reserved_text = st.text(st.sampled_from("ab1-._~ &?#=/\\%+;:@\"'<>[]{}\r\n\t\0夜🎬"), max_size=20)

# XML 1.0, 2.2: the characters of a document.
xml_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r\x7f\x85<>&'\"]")
)

# Elements with the service's node names, as XML.
_words = st.sampled_from(
    [
        *("Response", "Error", "Code", "Message", "JobsDetail", "JobId", "Name", "Type", "State", "CreationTime"),
        *("EndTime", "Input", "Operation", "NextToken", "WorkflowExecutionList", "RunId", "Object", "CreateTime"),
    ]
)
_values = st.sampled_from(["b1", "Success", "Archived", "-", "2022-06-27T15:23:10+0800"]) | xml_text.map(escape)
elements = st.recursive(
    st.builds("<{0}>{1}</{0}>".format, _words, _values),
    lambda inner: st.builds("<{0}>{1}</{0}>".format, _words, st.lists(inner, max_size=4).map("".join)),
    max_leaves=8,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)

offsets = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59))
moments = st.datetimes(timezones=st.builds(timezone, offsets | st.sampled_from([timedelta(hours=8), timedelta()])))


def with_other_values(record: dict[str, object]) -> st.SearchStrategy[dict[str, object]]:
    """A record of this package in which any value may be replaced or missing."""
    anything = st.fixed_dictionaries({}, optional=dict.fromkeys(record, json_values))
    kept = st.sets(st.sampled_from(sorted(record)))
    return st.builds(lambda other, names: {**other, **{name: record[name] for name in names}}, anything, kept)
