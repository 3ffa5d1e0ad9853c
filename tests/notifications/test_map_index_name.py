"""The names of mapped tasks."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.nativetypes import NativeEnvironment

from airflow_provider_tencent_ci.notifications.map_index_name import joined_name
from airflow_provider_tencent_ci.operators.cancel_inventory_job import CancelInventoryJobOperator
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor


class Broken:
    def __str__(self):
        raise RuntimeError

    __iter__ = __bool__ = __len__ = __eq__ = __hash__ = __str__


class BrokenText(str):
    __slots__ = ()
    __str__ = __len__ = __bool__ = Broken.__str__


ENDLESS = itertools.count()
NESTED = []
NESTED.append(NESTED)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([], ""),
        ([None, ""], ""),
        (["media/news/"], "media/news/"),
        (["media/", None, ["w1", "w2"]], "media/, w1, w2"),
        (["media/", {"Tag": "Transcode", "JobParam": {"TemplateId": "t1"}}], "media/, Transcode, t1"),
        ([{"Tag": "Snapshot"}], "Snapshot"),
        ([datetime(2026, 2, 1, tzinfo=UTC)], "2026-02-01T00:00+00:00"),
        ([5], "5"),
        (["x" * 300], "x" * 200 + "…"),
        ([Broken()], ""),
        ([BrokenText("a")], ""),
        (["media/", Broken(), [object(), "w1"]], "media/, w1"),
        ([object()], ""),
        ([ENDLESS], "count(0)"),
        ([NESTED], ""),
        ([True, False, 0, 1.5, Decimal("1.10")], "True, False, 0, 1.5, 1.10"),
        ([date(2026, 2, 1), PurePath("a/b")], "2026-02-01, a/b"),
        ([(1, 2), {3}], "1, 2, 3"),
        (["a\nb\x00c\ud800d\u202e"], "a b c d "),
        (["\u4e2d\u6587/"], "\u4e2d\u6587/"),
    ],
)
def test_values_become_a_short_text(values, name):
    assert joined_name(values) == name


@given(st.lists(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.dates())))
def test_a_quoted_name_is_a_text_in_a_native_template(values):
    name = joined_name(values)
    assert len(name) <= 201
    assert NativeEnvironment().from_string("{{ name }}").render(name=repr(name)) == name
    name.encode()  # Airflow's API takes it


@pytest.mark.parametrize("value", [Broken(), BrokenText("a"), [Broken()]])
@pytest.mark.parametrize("field", ["name", "prefix", "job"])
def test_a_name_never_fails_the_task(field, value):
    task = TriggerInventoryJobOperator(task_id="t")
    setattr(task, field, value)
    assert task.mapped_name() == ""


@pytest.mark.parametrize(
    ("arguments", "names", "name"),
    [
        ({"prefix": "media/", "workflow_ids": "w1"}, (), "media/, w1"),
        ({"prefix": "media/", "workflow_ids": "w1"}, ("prefix",), "media/"),
        ({"prefix": "media/", "workflow_ids": "w1", "name": "news"}, (), "news"),
        ({"prefix": "media/", "workflow_ids": "w1", "name": "news"}, ("prefix", "workflow_ids"), "media/, w1"),
    ],
)
def test_a_mapped_task_is_named_by_its_differing_arguments(arguments, names, name):
    assert TriggerInventoryJobOperator(task_id="t", **arguments).mapped_name(*names) == name


@pytest.mark.parametrize(
    "task", [InventoryJobSensor(task_id="t", job_id="b1"), CancelInventoryJobOperator(task_id="t", job_id="b1")]
)
def test_a_task_about_a_job_is_named_by_the_job(task):
    assert task.mapped_name() == "b1"


def test_a_template_of_the_user_is_kept():
    partial = TriggerInventoryJobOperator.partial(task_id="t", map_index_template="{{ task.prefix }}")
    assert partial.kwargs["map_index_template"] == "{{ task.prefix }}"
    partial.expand(prefix=["a"])


def test_equal_arguments_are_left_out():
    partial = CancelInventoryJobOperator.partial(task_id="t", bucket="b-1")
    assert partial.kwargs["map_index_template"] == "{{ task.mapped_name('job_id', 'region', 'tencent_ci_conn_id') }}"
    partial.expand(job_id=["b1"])


def test_tasks_of_different_connections_can_be_told_apart():
    def named(conn_id):
        task = TriggerInventoryJobOperator(
            task_id="t", name="media", workflow_ids="w", prefix="p", tencent_ci_conn_id=conn_id
        )
        return task.mapped_name("prefix", "tencent_ci_conn_id")

    assert [named(conn_id) for conn_id in ("ci_bj", "ci_gz", "tencent_ci_default")] == ["p, ci_bj", "p, ci_gz", "p"]


def test_the_signature_of_a_url_is_in_no_name():
    task = TriggerInventoryJobOperator(task_id="t", workflow_ids="w", manifest="https://b.example/m.json?q-signature=s")
    assert task.mapped_name("manifest") == "https://b.example/m.json"
