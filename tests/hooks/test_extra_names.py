"""The names of fields in a connection's extra: slips are said once, other tools' forms are read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import Connection
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.hooks.connection_config import read_connection
from airflow_provider_tencent_ci.hooks.connection_credentials import KINDS
from airflow_provider_tencent_ci.hooks.extra_names import FIELDS, describe_unknown_fields, plain_extra
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.provider_info import PROVIDER_INFO

EXTRA = {"region": "ap-beijing", "bucket": "examplebucket-1250000000"}
ROLE = {"role_arn": "qcs::cam::uin/100000000001:roleName/media"}


def connection(conn_id="media", **fields):
    extra = json.dumps({**EXTRA, **fields})
    return Connection(conn_id=conn_id, conn_type="tencent_ci", login="AKIDEXAMPLE", password="secret", extra=extra)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if "has no effect" in record.getMessage()]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("endpont_url", "did you mean endpoint_url?"),
        ("endpointUrl", "did you mean endpoint_url?"),
        ("Region", "did you mean region?"),
        ("BUCKET", "did you mean bucket?"),
        ("request-timeout", "did you mean request_timeout?"),
        ("role_arm", "did you mean role_arn?"),
        ("extra__tencent_ci__regoin", "did you mean region?"),
        ("SecretId", "the key belongs into login."),
        ("secret_key", "the key belongs into password."),
        ("zzz", "has no effect."),
    ],
)
def test_a_misspelt_field_is_named_with_the_nearest_one_and_without_its_value(caplog, name, hint):
    config = read_connection(connection(**{name: "value-of-it"}), None, None)
    assert config.bucket == EXTRA["bucket"], "it never fails"
    [warning] = warnings_of(caplog)
    assert warning.startswith(f"Connection 'media': The field {name!r} in extra has no effect")
    assert warning.endswith(hint)
    assert "value-of-it" not in caplog.text


def test_a_misspelt_field_is_said_once_for_each_connection(caplog):
    for conn_id in ("media", "media", "sports", "media"):
        read_connection(connection(conn_id, endpont_url="x", zzz=1), None, None)
    assert [re.findall(r"'(\w+)'", warning) for warning in warnings_of(caplog)] == [
        ["media", "endpont_url", "zzz"],
        ["sports", "endpont_url", "zzz"],
    ]


def test_a_misspelt_required_field_is_said_in_the_error(monkeypatch):
    fields = {"conn_type": "tencent_ci", "login": "a", "password": "b"}
    extra = {"region": "ap-beijing", "Bucket": "b-1250000000"}
    wrong = Connection(conn_id="media", **fields, extra=json.dumps(extra))
    with pytest.raises(ValueError, match="bucket is missing") as caught:
        read_connection(wrong, None, None)
    assert str(caught.value).endswith("The field 'Bucket' in extra has no effect: did you mean bucket?")
    monkeypatch.setenv("AIRFLOW_CONN_MEDIA", json.dumps({**fields, "extra": extra}))
    worked, message = TencentCIHook("media").test_connection()
    assert (worked, message) == (False, str(caught.value).removeprefix("Connection 'media': ")), "it is said once"


def test_the_connection_test_says_it_whether_it_works_or_not(monkeypatch):
    with Emulator() as emulator:
        right = json.loads(emulator.connection_json())
        for works, password in ((True, right["password"]), (False, "wrong")):
            fields = {**right, "password": password, "extra": {**right["extra"], "request_timout": 5}}
            monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(fields))
            worked, message = TencentCIHook().test_connection()
            assert worked is works
            assert "'request_timout' in extra has no effect: did you mean request_timeout?" in message


def test_the_names_are_those_that_are_read(monkeypatch, caplog):
    class Recorder(dict):
        def get(self, name, default=None):
            asked.add(name)
            return super().get(name, default)

    asked = set()
    for variable in ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"):
        monkeypatch.setenv(variable, "x")
    module = "airflow_provider_tencent_ci.hooks.connection_config"
    monkeypatch.setattr(f"{module}.plain_extra", lambda extra: Recorder(plain_extra(extra)))
    for kind in KINDS:
        for base in ("keys", "machine_role"):
            read_connection(connection(credentials=kind, **ROLE, assume_role_with=base), None, None)
    assert asked == {*FIELDS}
    assert warnings_of(caplog) == []


def test_each_name_is_a_field_of_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "connection.md").read_text()
    form = PROVIDER_INFO["connection-types"][0]["conn-fields"]
    assert {*form} <= {*FIELDS} <= {*re.findall(r"^\| (?:extra )?`(\w+)` ", page, re.M)}


names = st.sampled_from(FIELDS)
values = st.text() | st.none() | st.booleans() | st.integers()


@given(st.dictionaries(names, values))
def test_the_names_of_older_forms_and_of_uris_mean_the_same(fields):
    meant = {name: value for name, value in fields.items() if value not in (None, "")}
    prefixed = plain_extra({f"extra__tencent_ci__{name}": value for name, value in fields.items()})
    assert {name: prefixed[name] for name in FIELDS if name in prefixed} == meant
    for nested in (fields, json.dumps(fields)):
        found = plain_extra({"__extra__": nested})
        assert {name: found[name] for name in FIELDS if name in found} == fields
        assert describe_unknown_fields(found) == ""
    assert describe_unknown_fields(prefixed) == ""


@given(st.dictionaries(names, st.text(min_size=1)), st.dictionaries(names, st.text(min_size=1)))
def test_the_plain_name_has_precedence(plain, other):
    extra = {**{f"extra__tencent_ci__{name}": value for name, value in other.items()}, **plain}
    found = plain_extra(extra)
    assert {name: found[name] for name in FIELDS if name in found} == {**other, **plain}


@given(
    st.dictionaries(st.text(), st.recursive(values, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
)
def test_no_extra_fails_for_its_names(extra):
    describe_unknown_fields(plain_extra(extra))
