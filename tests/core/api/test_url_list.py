from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.api import url_list
from airflow_provider_tencent_ci.core.api.url_list import write_url_list
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

BUCKET, REGION = "examplebucket-1250000000", "ap-beijing"
START = f"https://{BUCKET}.cos.{REGION}.myqcloud.com/"


def lines(keys, **options):
    text = write_url_list(keys, BUCKET, REGION, **options).decode()
    assert text == "" or text.endswith("\n")
    return [line.removeprefix(START) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("media/0001.mp4", "media/0001.mp4"),
        ("a b+c%20.mp4", "a%20b%2Bc%2520.mp4"),
        ("媒体/夜.mp4", "%E5%AA%92%E4%BD%93/%E5%A4%9C.mp4"),
        ("a?b#c&d", "a%3Fb%23c%26d"),
        ("two\nlines", "two%0Alines"),
        ("a//b/", "a//b/"),
        ("a-_.~z", "a-_.~z"),
    ],
)
def test_each_line_is_the_url_of_an_object(key, encoded):
    assert lines([key]) == [encoded]


def test_each_object_is_listed_once_and_the_order_of_the_input_does_not_matter():
    assert lines(iter(["c", "a", "b", "a"])) == lines(["b", "a", "c"]) == ["a", "b", "c"]


@pytest.mark.parametrize("percent_encoded", [True, False])
def test_half_a_character_is_refused(percent_encoded):
    with pytest.raises(InvalidArgumentError, match="half a character"):
        write_url_list(["a\ud800"], BUCKET, REGION, percent_encoded=percent_encoded)


def test_no_objects_make_an_empty_list():
    assert write_url_list([], BUCKET, REGION) == b""


def test_keys_can_be_written_unencoded():
    assert lines(["a b/夜.mp4"], percent_encoded=False) == ["a b/夜.mp4"]
    with pytest.raises(InvalidArgumentError, match="line break"):
        lines(["two\nlines"], percent_encoded=False)
    with pytest.raises(InvalidArgumentError, match="half a character"):
        lines(["half \ud800"], percent_encoded=False)


def test_a_too_long_list_is_refused(monkeypatch):
    one = len(write_url_list(["0"], BUCKET, REGION))
    monkeypatch.setattr(url_list, "MAX_URL_LIST_BYTES", 3 * one)
    assert len(lines("012")) == 3
    with pytest.raises(InvalidArgumentError, match="longer than"):
        lines("0123")
