from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api.job_name import check_name, mapped_name, name_with_token, readable_name
from airflow_provider_tencent_ci.core.submitting.submission_token import TaskIdentity, submission_token
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from tests.strategies import any_text


@pytest.mark.parametrize("name", ["demo", "a", "夜间-转码_01", "每日二〇二六", "人々𠮷", "a—b", "x" * 128, "夜" * 128])
def test_a_name_that_the_service_accepts_passes(name):
    assert check_name(name) == name


def test_a_whole_number_becomes_its_text():
    assert check_name(20260101) == "20260101"


@pytest.mark.parametrize("name", [None, True, 1.5, ["a"]])
def test_a_name_that_is_no_text_raises_an_error_that_names_the_argument(name):
    with pytest.raises(InvalidArgumentError, match="name"):
        check_name(name)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "empty"),
        ("x" * 129, "129 characters"),
        ("scheduled__2026-01-02T03:04:05", "contains ':'"),
        ("a b", "contains ' '"),
        ("a.b", "contains '.'"),
        ("demo🎬", "contains"),
        ("夜，晨", "contains '，'"),
    ],
)
def test_a_name_that_the_service_refuses_raises_an_error_that_names_the_argument(name, complaint):
    with pytest.raises(InvalidArgumentError, match=f"name.*{complaint}"):
        check_name(name)


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("nightly transcode: raw/", "nightly_transcode_raw"),
        ("夜间 转码", "夜间_转码"),
        ("二〇二六—夜", "二_二六_夜"),
        ("///", "job"),
        ("", "job"),
    ],
)
def test_any_text_is_reduced_to_allowed_characters(text, readable):
    assert readable_name(text) == readable


@given(any_text | st.text("夜a ", min_size=60), st.from_regex(r"[0-9a-f]{1,64}", fullmatch=True))
def test_every_generated_name_is_valid_and_short_and_ends_with_its_token(text, token):
    name = name_with_token(readable_name(text), token)
    assert check_name(name) == name
    assert len(name.encode()) <= 128
    assert name.endswith(f"-{token}")


@pytest.mark.parametrize(
    ("reads", "name"),
    [
        ("media/news/", "night-transcode-2-media_news"),
        ("夜间/", "night-transcode-2-夜间"),
        ("/", "night-transcode-2"),
        ("", "night-transcode-2"),
    ],
)
def test_the_name_of_a_mapped_task_ends_with_its_index_and_what_it_reads(reads, name):
    assert mapped_name("night-transcode", 2, reads) == name


@given(any_text | st.text("夜a/", min_size=60), any_text | st.text("夜a/", min_size=60), st.integers(0, 99_999))
def test_names_of_mapped_tasks_differ_however_long_they_are(dag_and_task, reads, index):
    names = [mapped_name(dag_and_task, number, reads) for number in (index, index + 1)]
    assert names[0] != names[1]
    for name in names:
        assert check_name(name) == name
        assert f"{name}-again-10" in name_with_token(f"{name}-again-10", "0" * 16)


@given(any_text)
def test_any_text_is_a_valid_name_or_raises_an_error(text):
    try:
        assert check_name(text) == text
    except InvalidArgumentError:
        assert check_name(readable_name(text)[:128]) != text


IDENTITY = TaskIdentity("dag", "run", "task", -1, 0)


def test_a_token_has_sixteen_hex_digits_and_is_stable():
    token = submission_token(IDENTITY, b"<Request/>")
    assert token == submission_token(TaskIdentity("dag", "run", "task", -1, 0), b"<Request/>")
    assert len(token) == 16
    assert set(token) <= set("0123456789abcdef")


def test_without_a_deployment_the_token_is_that_of_the_release_that_knew_none():
    """Its retries look for their jobs by this token."""
    assert submission_token(IDENTITY, b"<Request/>") == "7fc51ede4e271ce0"


@pytest.mark.parametrize(
    ("identity", "body"),
    [
        (TaskIdentity("dag2", "run", "task", -1, 0), b"<Request/>"),
        (TaskIdentity("dag", "run2", "task", -1, 0), b"<Request/>"),
        (TaskIdentity("dag", "run", "task2", -1, 0), b"<Request/>"),
        (TaskIdentity("dag", "run", "task", 0, 0), b"<Request/>"),
        (TaskIdentity("dag", "run", "task", -1, 1), b"<Request/>"),
        (TaskIdentity("da", "grun", "task", -1, 0), b"<Request/>"),
        (TaskIdentity("dag", "run", "task", -1, 0, "blue"), b"<Request/>"),
        (IDENTITY, b"<Request></Request>"),
    ],
    ids=["dag", "run", "task", "map index", "clear", "boundaries", "deployment", "request"],
)
def test_another_submission_has_another_token(identity, body):
    assert submission_token(identity, body) != submission_token(IDENTITY, b"<Request/>")
