"""The warning of a try whose request differs from that of an earlier one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.submitting.changed_request import describe_changed_request, node_texts
from airflow_provider_tencent_ci.core.submitting.submission_note import SubmissionNote
from tests.strategies import json_values

NOTE = SubmissionNote("token", job_id="b1", posts=1)
BEFORE = {"Type": "Workflow", "Prefix": "media/", "TimeInterval": {"End": "2026-01-01T00:00:00+0000"}}


def warning_of(now, before=BEFORE, note=NOTE):
    return describe_changed_request(note, node_texts(before), node_texts(now))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"TimeInterval": {"End": "2026-01-02T00:00:00+0000"}},
            "TimeInterval/End was '2026-01-01T00:00:00+0000' and is '2026-01-02T00:00:00+0000'.",
        ),
        ({"Prefix": "news/"}, "Prefix was 'media/' and is 'news/'."),
        ({"TimeInterval": {}}, "TimeInterval/End was '2026-01-01T00:00:00+0000' and is None."),
        ({"Prefix": "x" * 300}, f"Prefix was 'media/' and is '{'x' * 100}… ("),
        ({}, "They differ in a node that was not noted."),
    ],
)
def test_the_warning_names_the_earlier_job_and_the_difference(change, told):
    warning = warning_of({**BEFORE, **change})
    assert warning.startswith("An earlier try of this task submitted batch job b1 with another request")
    assert told in warning


@pytest.mark.parametrize("end", ["y", "z"])
def test_long_values_differ_also_at_their_end(end):
    warning = warning_of({"Prefix": "x" * 300 + end}, before={"Prefix": "x" * 300 + "y"})
    assert ("Prefix was" in warning) == (end == "z")


def test_a_job_that_is_not_known_is_named_by_its_token():
    assert "a batch job with the token token in its name" in warning_of({}, note=SubmissionNote("token", posts=1))


nodes = st.dictionaries(st.text(max_size=5), json_values, max_size=80)


@given(nodes, nodes)
def test_any_two_requests_have_a_short_warning(before, now):
    texts = node_texts(now)
    assert len(texts) <= 50
    assert all(len(text) < 120 for text in texts.values())
    assert 0 < len(warning_of(now, before=before)) < 6_000


@given(json_values)
def test_no_stored_value_breaks_the_warning(before):
    assert isinstance(describe_changed_request(NOTE, before, node_texts(BEFORE)), str)
