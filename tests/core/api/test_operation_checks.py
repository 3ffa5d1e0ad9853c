"""
The nodes of Operation for Type=Job: a certain mistake is refused, a suspicious value logs a warning, all else passes.
"""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.api.operation_checks import check_operation, warnings_of
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

OUTPUT = {"Region": "ap-beijing", "Bucket": "b-1250000000", "Object": "out/${InputName}.mp4"}
TRANSCODE = {"Tag": "Transcode", "JobParam": {"TemplateId": "t1"}, "Output": OUTPUT}
IMAGES = {**OUTPUT, "Object": "out/${InputName}.jpg"}


def without(node, name):
    return {key: value for key, value in node.items() if key != name}


@pytest.mark.parametrize(
    "operation",
    [
        TRANSCODE,
        {"Tag": "MediaInfo"},
        {"Tag": "VideoTag", "JobParam": {"VideoTag": {"Scenario": "Stream"}}},
        {"Tag": "QualityEstimate", "JobParam": ""},
        # The official Python SDK's own live test sends this.
        {"Tag": "ImageInspect", "JobParam": {"ImageInspect": {"AutoProcess": "false"}}},
        {"Tag": "NotYetKnown"},
        {"Tag": "NotYetKnown", "Output": "out/"},
        {"Tag": 7},
        {"Tag": "NotYetKnown", "JobParam": {"NotYetKnown": {"A": 1}}, "Output": OUTPUT, "Unheard": {"Of": [1, 2]}},
        {**TRANSCODE, "Tag": "Snapshot", "Output": without(OUTPUT, "Object")},
        {
            **TRANSCODE,
            "Tag": "VoiceSeparate",
            "Output": {**without(OUTPUT, "Object"), "AuObject": "a/${InputName}.mp3"},
        },
        {**TRANSCODE, "Tag": "Snapshot", "JobParam": {"Snapshot": {"Count": 1}}, "Output": IMAGES},
        {**TRANSCODE, "Tag": "Snapshot", "JobParam": {"Snapshot": {"Count": "many"}}, "Output": IMAGES},
        {**TRANSCODE, "Tag": "Snapshot", "JobParam": {"TemplateId": "t1"}, "Output": IMAGES},
        {
            **TRANSCODE,
            "Tag": "Snapshot",
            "JobParam": {"Snapshot": {"Count": "10"}},
            "Output": {**OUTPUT, "Object": "out/${InputName}-${number}.jpg"},
        },
        {**TRANSCODE, "JobLevel": 2, "CallBackFormat": "JSON", "CallBackType": "Kafka"},
        {**TRANSCODE, "CallBackFormat": "json"},
        {**TRANSCODE, "CallBackType": "TDMQ", "CallBackMqConfig": {"MqRegion": "bj", "MqMode": "Topic", "MqName": "n"}},
        {**TRANSCODE, "CallBackType": "TDMQ", "CallBackMqConfig": {"MqRegion": "bj", "MqName": "n"}},
        {**TRANSCODE, "Tag": "Snapshot", "JobParam": {"Snapshot": {"Count": "0001"}}, "Output": IMAGES},
        {**TRANSCODE, "JobParam": {"DigitalWatermark": {"Message": "m" * 64}}},
        {**TRANSCODE, "JobLevel": ""},
    ],
)
def test_a_value_that_the_service_may_accept_passes(operation):
    check_operation(operation)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (without(TRANSCODE, "Tag"), "job needs Tag"),
        ({**TRANSCODE, "Tag": ""}, "job needs Tag"),
        ({**TRANSCODE, "Tag": ["Transcode"]}, "job: Tag must be a text"),
        ({**TRANSCODE, "JobParam": {}}, "job needs JobParam"),
        (without(TRANSCODE, "JobParam"), "job needs JobParam"),
        (without(TRANSCODE, "Output"), "job needs Output"),
        ({**TRANSCODE, "Output": "out/"}, "job: Output must be a mapping"),
        ({**TRANSCODE, "Output": without(OUTPUT, "Region")}, "job: Output needs Region"),
        ({**TRANSCODE, "Output": without(OUTPUT, "Bucket")}, "job: Output needs Bucket"),
        ({**TRANSCODE, "Output": without(OUTPUT, "Object")}, "job: Output needs Object"),
        (
            {**TRANSCODE, "Tag": "Snapshot", "JobParam": {"Snapshot": {"Count": 10}}, "Output": IMAGES},
            r"must contain \$\{Number\}: Snapshot makes several",
        ),
        (
            {**TRANSCODE, "Tag": "SmartCover", "JobParam": {"SmartCover": {"Count": "3"}}, "Output": IMAGES},
            r"must contain \$\{Number\}: SmartCover",
        ),
        (
            {**TRANSCODE, "Tag": "Snapshot", "JobParam": {"Snapshot": {"Count": "9" * 5000}}, "Output": IMAGES},
            r"must contain \$\{Number\}",
        ),
        ({**TRANSCODE, "JobLevel": 3}, "JobLevel=3 must be one of 0, 1, 2"),
        ({**TRANSCODE, "CallBackFormat": "YAML"}, "CallBackFormat='YAML'"),
        ({**TRANSCODE, "CallBackType": "TDMQ"}, "needs CallBackMqConfig"),
        (
            {**TRANSCODE, "CallBackType": "TDMQ", "CallBackMqConfig": {"MqRegion": "bj", "MqMode": "Topic"}},
            "needs MqName",
        ),
        ({**TRANSCODE, "JobParam": {"DigitalWatermark": {"Message": "m" * 65}}}, "has 65 characters"),
    ],
)
def test_a_certainly_wrong_value_is_refused(operation, message):
    with pytest.raises(InvalidArgumentError, match=message):
        check_operation(operation)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (TRANSCODE, []),
        ({"Tag": "MediaInfo"}, []),
        ({**TRANSCODE, "Tag": "Animatin"}, ["'Animation'"]),
        ({**TRANSCODE, "Tag": "VoiceSpearte"}, ["'VoiceSeparate'"]),
        ({**TRANSCODE, "JobParam": {"TemplateId": "t1", "Transcode": {}}}, ["leave Transcode out"]),
        ({**TRANSCODE, "QueueType": "SpeedTranscoding"}, []),
        ({**TRANSCODE, "CallBackFormat": "json"}, ["CallBackFormat='json'"]),
        ({**TRANSCODE, "QueueType": "SpeedTranscoding", "QueueId": "p1"}, ["QueueType"]),
        ({**TRANSCODE, "Output": {**OUTPUT, "Object": "out/a.mp4"}}, ["'out/a.mp4' is the same for all files"]),
        ({**TRANSCODE, "Output": {**OUTPUT, "Object": "o/${InventoryTriggerJobId}.mp4"}}, ["the same for all files"]),
        ({**TRANSCODE, "Output": {**OUTPUT, "Object": "o/${RunId}.mp4"}}, []),
        (
            {
                **TRANSCODE,
                "Output": {**OUTPUT, "SpriteObject": "s.jpg", "StreamExtract": [{"Object": "a"}, {"Object": "b"}]},
            },
            ["'s.jpg'", "'a'", "'b'"],
        ),
        ({**TRANSCODE, "Output": {**OUTPUT, "StreamExtract": {"Object": "a"}}}, ["'a'"]),
    ],
)
def test_a_suspicious_value_logs_a_warning(operation, words):
    found = warnings_of(operation, one_object=False)
    assert len(found) == len(words)
    assert all(word in warning for word, warning in zip(words, found, strict=True))


def test_the_output_of_one_object_overwrites_nothing():
    assert warnings_of({**TRANSCODE, "Output": {**OUTPUT, "Object": "out/a.mp4"}}, one_object=True) == []
