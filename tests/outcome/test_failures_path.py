"""The list of failed files on this machine is written without Airflow's object storage, under the same names."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat import sdk
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api.file_records import FileFailure
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.outcome.failures_path import (
    LocalFile,
    check_failures_path,
    failures_file,
    read_failures,
    write_failures,
)

FAILURES = [
    FileFailure(key=f"media/{name}", node="n", code="c", message="m", run_id="i") for name in ("a", "夜 ", "\x1b")
]
FORMS = {
    "a path": "{}",
    "a URL": "file://{}",
    "a short URL": "file:{}",
    "fsspec's own scheme": "local://{}",
}
local = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@local
@pytest.mark.parametrize("end", ["/", "/deep/er/list.jsonl", "/x %20 夜.jsonl"])
def test_a_local_list_needs_no_object_storage(monkeypatch, tmp_path, form, end):
    expected = str(failures_file(ObjectStoragePath(form.format(f"{tmp_path}{end}")), "b1"))
    monkeypatch.setattr(sdk, "ObjectStoragePath", None)
    path = form.format(f"{tmp_path}{end}")
    check_failures_path(path)
    file = failures_file(path, "b1")
    assert str(file) == expected
    assert write_failures(file, FAILURES, keep=2) == FAILURES[:2]
    assert list(read_failures(str(file))) == FAILURES
    assert write_failures(file, [], keep=2) == list(read_failures(str(file))) == [], "an existing list is replaced"


@local
def test_a_local_list_is_read_alike_by_airflow_s_object_storage(tmp_path, form):
    if form.startswith("local:") and airflow_version.startswith("2."):
        pytest.skip("2.11 does not know this scheme")
    file = failures_file(form.format(f"{tmp_path}/list.jsonl"), "b1")
    write_failures(file, FAILURES, keep=0)
    lines = ObjectStoragePath(str(file)).read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == [failure.key for failure in FAILURES]


characters = st.characters(codec="utf-8", exclude_characters="/#?:@[]%~", exclude_categories=("Cc", "Zl", "Zp"))
segments = st.text(characters, min_size=1, max_size=5).filter(lambda text: text.strip(". \xa0"))


@given(st.sampled_from([*FORMS.values()]), st.lists(segments, min_size=1, max_size=3))
def test_a_local_file_has_the_text_of_airflow_s_path(form, names):
    path = form.format("/" + "/".join(names))
    file = failures_file(f"{path}.jsonl", "b1")
    assert isinstance(file, LocalFile)
    assert str(file) == str(ObjectStoragePath(f"{path}.jsonl"))


@pytest.mark.parametrize("path", ["memory://a/b", "file://connection@/tmp/x", "relative/x", "~/x", "//host/x"])
def test_another_path_is_left_to_airflow_s_object_storage(path):
    assert not isinstance(failures_file(path, "b1"), LocalFile)
    with pytest.raises(InvalidArgumentError, match="nowhere9"):
        check_failures_path("nowhere9://a/b")


def test_a_local_list_imports_no_storage_of_a_provider(tmp_path):
    code = f"""
import sys
from airflow_provider_tencent_ci.outcome.failures_path import *
before = set(sys.modules)
check_failures_path("file://{tmp_path}/")
write_failures(failures_file("file://{tmp_path}/", "b1"), [], keep=1)
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_storage_without_its_provider_is_named_with_the_package():
    with pytest.raises(InvalidArgumentError, match=r"Install apache-airflow-providers-amazon\[s3fs\], which has"):
        check_failures_path("s3://aws_default@failed-files/night/")
    with pytest.raises(InvalidArgumentError, match=r"COS also has the API of S3: write s3://"):
        check_failures_path("cos://examplebucket-1250000000/night/")
    with pytest.raises(InvalidArgumentError) as caught:
        check_failures_path("nosuch://failed-files/night/")
    assert "Install" not in str(caught.value)
