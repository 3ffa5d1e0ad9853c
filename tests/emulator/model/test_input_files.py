from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.buckets import StoredObject
from airflow_provider_tencent_ci.emulator.model.input_files import select_files
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from tests.emulator.conftest import NOON
from tests.emulator.wire import request_body

URL = f"https://{defaults.BUCKET}.cos.{defaults.REGION}.myqcloud.com"
FILMS = [f"media/{number:04}.mp4" for number in range(1, 5)]


@pytest.fixture
def selected(service, bucket):
    """Returns the files of a batch with the given children of ``Input`` and ``Operation``."""

    def selected(inputs: str, interval: str = "") -> list[tuple[str, bool]]:
        operation = f"<WorkflowIds>{defaults.WORKFLOW_ID}</WorkflowIds>{interval}"
        request = service.read_create(bucket, request_body(inputs=inputs, operation=operation))
        return [tuple(file) for file in select_files(bucket, request, service.behaviour.requests)]

    return selected


def put(bucket, key, content: bytes | str = b"", age_hours: float = 0):
    data = content.encode() if isinstance(content, str) else content
    bucket.objects[key] = StoredObject(key, len(data), NOON - timedelta(hours=age_hours), data)


@pytest.mark.parametrize(
    ("prefix", "keys"),
    [
        ("media/", FILMS),
        ("media/0003", FILMS[2:3]),
        ("med", FILMS),
        ("/", ["audio/a b+c.wav", *FILMS]),
        ("/media/0001", []),
        ("none", []),
    ],
)
def test_a_prefix_selects_by_the_start_of_the_key(bucket, selected, prefix, keys):
    put(bucket, "audio/a b+c.wav")
    assert selected(f"<Prefix>{prefix}</Prefix>") == [(key, True) for key in keys]


@pytest.mark.parametrize(
    ("bounds", "keys"),
    [
        ("<Start>2026-01-02T11:00:00+0800</Start>", ["t/1", "t/0"]),
        ("<End>2026-01-02T11:00:00+0800</End>", ["t/1", "t/2"]),
        ("<Start>2026-01-02T10:30:00+0800</Start><End>2026-01-02T11:30:00+0800</End>", ["t/1"]),
        ("<Start>2026-01-02T03:00:00+0000</Start>", ["t/1", "t/0"]),
        ("", ["t/0", "t/1", "t/2"]),
    ],
)
def test_an_interval_selects_by_upload_time_bounds_included(bucket, selected, bounds, keys):
    for hours in range(3):
        put(bucket, f"t/{hours}", age_hours=hours)
    found = selected("<Prefix>t/</Prefix>", f"<TimeInterval>{bounds}</TimeInterval>")
    assert found == [(key, True) for key in sorted(keys)]


@pytest.mark.parametrize("name", ["media/0002.mp4", "/media/0002.mp4", f"{URL}/media/0002.mp4"])
def test_one_object_is_selected_by_key_or_address(selected, name):
    assert selected(f"<Object>{name}</Object>") == [("media/0002.mp4", True)]


def test_a_url_file_lists_urls_keys_and_missing_objects(bucket, selected):
    put(bucket, "lists/urls.txt", f"{URL}/media/0001.mp4\n\nmedia/0003.mp4\r\n{URL}/media/gone%20away.mp4\n")
    assert selected("<UrlFile>lists/urls.txt</UrlFile>") == [
        ("media/0001.mp4", True),
        ("media/0003.mp4", True),
        ("media/gone away.mp4", False),
    ]


LINE_KEYS = ["x\u2028y", "nel\x85z", "tail ", " head", "tab\tz", "a\rb", "form\x0cfeed", "夜间/😀", "[", "a b+c%41"]


@pytest.mark.parametrize("key", LINE_KEYS)
@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
@pytest.mark.parametrize("form", ["key", "url"])
def test_the_lines_of_a_url_file_keep_odd_characters(bucket, selected, key, ending, form):
    put(bucket, key)
    put(bucket, "lists/urls.txt", (key if form == "key" else bucket.object_url(key)) + ending)
    assert selected("<UrlFile>lists/urls.txt</UrlFile>") == [(key, True)]


@pytest.mark.parametrize("key", [key for key in LINE_KEYS if "\f" not in key])  # XML cannot have a form feed
def test_an_object_is_found_under_an_odd_key(bucket, selected, key):
    put(bucket, key)
    assert selected(f"<Object>{key}</Object>".replace("\r", "&#13;")) == [(key, True)]


BAD_URLS = ["https://[", "http://[::1/a", "https://", "https://h:port/a", "https://\x85/a", "http://[x]y/\u2100"]


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_broken_url_names_no_object(bucket, selected, url):
    with pytest.raises(ServiceError, match="no object"):
        selected(f"<Object>{url}</Object>")
    put(bucket, "urls.txt", f"{url}\n")
    assert [exists for _, exists in selected("<UrlFile>urls.txt</UrlFile>")] == [False]
    put(bucket, "manifest.json", json.dumps({"files": [{"key": url}]}))
    assert [exists for _, exists in selected("<Manifest>manifest.json</Manifest>")] == [False]


@pytest.mark.parametrize("packed", [True, False])
def test_a_manifest_of_an_inventory_names_its_csv_files(bucket, selected, packed):
    rows = f'"{defaults.BUCKET}","media/0002.mp4","7"\n"{defaults.BUCKET}","media/0004.mp4","7"\n'.encode()
    part = "inventory/data/1.csv.gz" if packed else "inventory/data/1.csv"
    put(bucket, part, gzip.compress(rows) if packed else rows)
    manifest = {"fileFormat": "CSV", "fileSchema": "Bucket, Key, Size", "files": [{"key": part}]}
    put(bucket, "inventory/manifest.json", json.dumps(manifest))
    for name in ("inventory/manifest.json", f"{URL}/inventory/manifest.json"):
        assert selected(f"<Manifest>{name}</Manifest>") == [("media/0002.mp4", True), ("media/0004.mp4", True)]


def test_a_manifest_may_list_the_objects_themselves(bucket, selected):
    put(bucket, "manifest.json", json.dumps({"files": [{"key": "media/0001.mp4"}, {"key": "media/none.mp4"}]}))
    assert selected("<Manifest>manifest.json</Manifest>") == [("media/0001.mp4", True), ("media/none.mp4", False)]


@pytest.mark.parametrize("kind", ["Object", "UrlFile", "Manifest"])
def test_a_missing_object_is_refused(selected, kind):
    with pytest.raises(ServiceError, match=f"{kind}.*no object 'none'") as caught:
        selected(f"<{kind}>none</{kind}>")
    assert (caught.value.status, caught.value.code) == (400, "ResourceNotFound")


@pytest.mark.parametrize(
    "content",
    [
        b"no json",
        b"[]",
        b'{"files": [{}]}',
        b"\xff",
        b'{"files": [{"key": "x.csv.gz"}]}',
        b'{"files": [{"key": "y.csv"}]}',
    ],
)
def test_an_invalid_manifest_is_refused(bucket, selected, content):
    put(bucket, "x.csv.gz", "not packed")
    put(bucket, "y.csv", b"\xff,\xff")
    put(bucket, "manifest.json", content)
    with pytest.raises(ServiceError, match=r"manifest\.json") as caught:
        selected("<Manifest>manifest.json</Manifest>")
    assert caught.value.code == "ResourceNotSupported"


def test_a_listed_file_that_does_not_exist_fails_as_the_only_one(service, bucket, clock):
    put(bucket, "urls.txt", "media/0001.mp4\nmedia/gone.mp4\n")
    job = service.create_job(
        bucket, service.read_create(bucket, request_body(inputs="<UrlFile>urls.txt</UrlFile>"))
    ).job
    clock.advance(60)
    assert [(file.work.key, file.status.state) for file in service.files_of(job)] == [
        ("media/0001.mp4", "Success"),
        ("media/gone.mp4", "Failed"),
    ]


def test_several_inputs_are_joined_when_the_switch_allows_them(service, bucket, selected):
    service.behaviour = service.behaviour.changed(exactly_one_input=False)
    found = selected("<Object>media/0003.mp4</Object><Prefix>media/000</Prefix>")
    assert sorted(key for key, _ in found) == FILMS


@pytest.mark.parametrize("bounds", ["both", "start", "end", "neither"])
def test_the_bounds_of_an_interval_belong_to_it_as_the_switch_says(service, bucket, selected, bounds):
    service.behaviour = service.behaviour.changed(interval_bounds=bounds)
    at = datetime(2026, 3, 1, 2, tzinfo=UTC)
    for name, seconds in (("start", 0), ("between", 1), ("end", 2), ("before", -1), ("after", 3)):
        key = f"bounds/{name}"
        bucket.objects[key] = StoredObject(key, 1, at + timedelta(seconds=seconds), b"")
    interval = "<TimeInterval><Start>2026-03-01T02:00:00+0000</Start><End>2026-03-01T02:00:02+0000</End></TimeInterval>"
    named = {"both": {"start", "end"}, "neither": set()}.get(bounds, {bounds})
    assert {key.removeprefix("bounds/") for key, _ in selected("<Prefix>bounds/</Prefix>", interval)} == {
        "between",
        *named,
    }


@pytest.mark.parametrize(("switch", "found"), [(False, ["media/0003.mp4"]), (True, [])])
def test_an_interval_applies_to_an_object_if_the_switch_is_set(service, selected, switch, found):
    service.behaviour = service.behaviour.changed(interval_for_all=switch)
    interval = "<TimeInterval><End>1970-01-02T00:00:00+0000</End></TimeInterval>"
    assert [key for key, _ in selected("<Object>media/0003.mp4</Object>", interval)] == found
