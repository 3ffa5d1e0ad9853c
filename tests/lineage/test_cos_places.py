from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.lineage.cos_places import (
    CosPlace,
    bucket_of_host,
    input_places,
    output_places,
)

BUCKET = "examplebucket-1250000000"


def places(found):
    return [(place.bucket, place.name) for place in found]


@pytest.mark.parametrize(
    ("nodes", "key"),
    [
        ({"Prefix": "media/"}, "media"),
        ({"Prefix": "media/00"}, "media/00"),
        ({"Prefix": "/"}, ""),
        ({"Object": "a b.mp4"}, "a b.mp4"),
        ({"Manifest": "inventory/manifest.json"}, "inventory/manifest.json"),
        ({"UrlFile": "lists/today.txt"}, "lists/today.txt"),
    ],
)
def test_the_input_is_a_place_in_the_job_s_bucket(nodes, key):
    assert places(input_places({"Input": nodes}, BUCKET)) == [(BUCKET, key)]


@pytest.mark.parametrize("node", ["Manifest", "UrlFile", "Object"])
def test_a_full_url_contains_its_own_bucket(node):
    url = "https://other-1250000000.cos.ap-beijing.myqcloud.com/lists/%E5%A4%9C%20a.txt"
    assert places(input_places({"Input": {node: url}}, BUCKET)) == [("other-1250000000", "lists/夜 a.txt")]


def test_a_url_that_is_not_of_cos_is_no_place():
    assert input_places({"Input": {"UrlFile": "https://cdn.example.com/list.txt"}}, BUCKET) == []


@pytest.mark.parametrize("record", [{}, {"Input": None}, {"Input": {"Prefix": ""}}, {"Input": {"Prefix": ["a", "b"]}}])
def test_a_missing_or_non_text_value_is_no_place(record):
    assert input_places(record, BUCKET) == output_places(record) == []


def test_without_a_bucket_a_key_is_no_place():
    assert input_places({"Input": {"Prefix": "media/"}}, None) == []


def job(**output):
    return {"JobId": "b1", "Operation": {"Tag": "Transcode", "Output": {"Region": "r", "Bucket": "out-1", **output}}}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("transcoded/${InputName}.mp4", "transcoded"),
        ("transcoded/v1-${InputName}.mp4", "transcoded"),
        ("${InputPath}${InputName}.mp4", ""),
        ("out/${InventoryTriggerJobId}/${InputName}.mp4", "out/b1"),
        ("out/all.mp4", "out/all.mp4"),
    ],
)
def test_the_output_place_ends_before_the_first_variable(name, key):
    assert places(output_places(job(Object=name))) == [("out-1", key)]


def test_every_kind_of_output_counts_and_each_place_counts_once():
    record = job(
        Object="video/${InputName}.mp4",
        AuObject="audio/${InputName}.mp3",
        SpriteObject="video/${Number}.jpg",
        StreamExtract=[{"Index": "0", "Object": "s0/${InputName}"}, {"Index": "1", "Object": "s1/${InputName}"}],
    )
    assert places(output_places(record)) == [("out-1", name) for name in ("video", "audio", "s0", "s1")]
    assert places(output_places(job(StreamExtract={"Object": "s/${InputName}"}))) == [("out-1", "s")]


def test_a_workflow_s_output_is_not_in_its_record():
    assert output_places({"JobId": "b1", "Operation": {"WorkflowIds": "w1"}}) == []


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        (f"{BUCKET}.cos.ap-beijing.myqcloud.com", BUCKET),
        (f"{BUCKET.upper()}.COS.ap-beijing.myqcloud.com", BUCKET),
        (f"{BUCKET}.cos-internal.ap-beijing.tencentcos.cn", BUCKET),
        (BUCKET, None),
        ("cdn.example.com", None),
        (f"{BUCKET}.cos.ap-beijing.myqcloud.com.example.com", None),
        (f"{BUCKET}.ci.ap-beijing.myqcloud.com", None),
    ],
)
def test_the_bucket_of_an_address_is_parsed(host, bucket):
    assert bucket_of_host(host) == bucket


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_uri_is_ascii_and_is_parsed_back_to_its_place(key):
    place = CosPlace(BUCKET, key)
    assert place.uri.isascii()
    assert CosPlace.from_uri(place.uri).name == place.name
