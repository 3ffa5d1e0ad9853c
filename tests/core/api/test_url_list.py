from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api import url_list
from airflow_provider_tencent_ci.core.api.url_list import keys_of_part, parts_needed, write_url_list
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


keys = st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), max_size=60)


@given(keys, st.integers(200, 3_000))
def test_each_object_is_in_one_part_and_each_part_has_room(found, room):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(url_list, "MAX_URL_LIST_BYTES", room)
        parts = parts_needed(found, BUCKET, REGION)
        divided = [keys_of_part(found, part, parts) for part in range(1, parts + 1)]
        assert sorted(key for part in divided for key in part) == sorted(found)
        if parts < len(found):
            assert all(len(write_url_list(part, BUCKET, REGION)) <= room for part in divided)
            assert divided[0] or not found


@given(keys, keys, st.integers(1, 9))
def test_a_file_that_is_found_later_moves_no_other_one(found, later, parts):
    for part in range(1, parts + 1):
        assert set(keys_of_part(found, part, parts)) <= set(keys_of_part(found | later, part, parts))


def test_the_parts_of_keys_never_change():
    """A retry after an upgrade goes on with the parts of the earlier release."""
    found = [f"media/{number:04}.mp4" for number in range(8)]
    numbers = [[int(key[-5]) for key in keys_of_part(found, part, 3)] for part in (1, 2, 3)]
    assert numbers == [[0, 1, 4], [2, 5, 7], [3, 6]]
