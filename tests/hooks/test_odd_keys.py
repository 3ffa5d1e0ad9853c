"""Object keys come back exactly as they are: each file is reported, and submitted again, under its own key."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from airflow_provider_tencent_ci.core.wire.texts import readable
from airflow_provider_tencent_ci.core.wire.xml import NOT_XML_1_0
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.answers import answer_xml
from airflow_provider_tencent_ci.emulator.model.defaults import BUCKET, REGION, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures

WHITE_SPACE = [
    *("film.mp4", "film.mp4 ", " film.mp4", "film.mp4\u3000", "\u00a0film.mp4", "\tfilm.mp4", "film.mp4\n"),
    *("film\r.mp4", "folder /film.mp4", " "),
]
LIKE_URLS = [
    *("http://x/y.mp4", "https://[", "https://[::1", "http://a:b@c/d?e#f", "http%3A//x/y.mp4"),
    *(f"https://{BUCKET}.cos.{REGION}.myqcloud.com/film.mp4", "https://other-1250000001.cos.ap-beijing.myqcloud.com/a"),
]
NOT_IN_XML = [
    *(f"film{chr(code)}.mp4" for code in range(1, 32)),
    *("film\ufffe.mp4", "film\uffff.mp4", "\x1b[31mfilm.mp4"),
]
LIKE_XML = ["a&#3;b", "a&amp;#3;b", "<![CDATA[a&#3;b]]>", "a]]>b", "\ufffd.mp4", "\U0010ff03.mp4"]

BY_WORKFLOW = {"workflow_ids": WORKFLOW_ID}
BY_JOB = {"job": {"Tag": "MediaInfo"}}


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(objects=0, submitted_seconds=0, run_seconds=1, failing_keys=["*"]) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture(params=["bare", "hexadecimal", "decimal"])
def writes_what_xml_forbids(request, monkeypatch):
    """Makes the emulator write such characters into its XML, as other services do."""
    monkeypatch.setattr(answer_xml, "NOT_XML_1_0", re.compile("(?!)"))
    form = {"bare": "{}", "hexadecimal": "&#x{:X};", "decimal": "&#{:03};"}[request.param]
    write = answer_xml.element_bytes

    def write_forbidden(element):
        written = write(element).decode()
        return NOT_XML_1_0.sub(lambda f: form.format(f[0] if form == "{}" else ord(f[0])), written).encode()

    monkeypatch.setattr(answer_xml, "element_bytes", write_forbidden)


def fail_all(emulator, hook, keys, arguments):
    """Run a batch over these files, all of which fail."""
    emulator.add_objects(*keys)
    job = hook.trigger_inventory_job(name="nightly", prefix="/", **arguments)
    emulator.advance(60)
    return hook.get_inventory_job(job.job_id)


@pytest.mark.parametrize("arguments", [BY_WORKFLOW, BY_JOB], ids=["workflow", "job"])
@pytest.mark.parametrize("keys", [WHITE_SPACE, LIKE_URLS, LIKE_XML, ["https://b-1.cos.r.myqcloud.com/a", "film.mp4"]])
def test_each_file_is_listed_and_submitted_again_under_its_own_key(emulator, keys, arguments):
    with TencentCIHook() as hook:
        assert_each_comes_back(emulator, hook, keys, arguments)


@pytest.mark.parametrize("arguments", [BY_WORKFLOW, BY_JOB], ids=["workflow", "job"])
def test_characters_that_xml_forbids_come_back(emulator, writes_what_xml_forbids, arguments):
    with TencentCIHook() as hook:
        assert_each_comes_back(emulator, hook, [*NOT_IN_XML, "film.mp4"], arguments)


def assert_each_comes_back(emulator, hook, keys, arguments):
    job = fail_all(emulator, hook, keys, arguments)
    assert sorted(failure.key for failure in hook.list_failed_files(job)) == sorted(keys)
    failures = InventoryJobFailures.of_job(hook, job)
    lines = failures.url_list(BUCKET, REGION).decode().splitlines()
    assert sorted(unquote(line.partition(".com/")[2]) for line in lines) == sorted(keys)
    again = hook.trigger_inventory_job(name="again", url_file=failures.upload(hook, "lists/failed.txt"), **arguments)
    assert sorted(file.key for file in emulator.files(again.job_id)) == sorted(keys)


@pytest.mark.parametrize("key", [*WHITE_SPACE[:-1], *LIKE_URLS, *LIKE_XML])
def test_the_record_of_a_job_has_the_exact_key(emulator, key):
    emulator.add_objects(key)
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="one", prefix=key, **BY_WORKFLOW)
        assert hook.get_inventory_job(job.job_id).input == {"Prefix": key}


def test_old_answers_with_urls_are_read(emulator):
    emulator.configure(object_as_url=True)
    with TencentCIHook() as hook:
        job = fail_all(emulator, hook, ["film.mp4", "a b/夜%20.mp4"], BY_WORKFLOW)
        assert sorted(hook.list_failed_keys(job)) == ["a b/夜%20.mp4", "film.mp4"]


@pytest.mark.parametrize("key", [*WHITE_SPACE[3:], *NOT_IN_XML])
def test_a_key_is_readable_in_a_log(key):
    assert readable(key, 120).isprintable()
