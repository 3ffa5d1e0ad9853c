from __future__ import annotations

import re
from dataclasses import fields

import pytest

from airflow_provider_tencent_ci.emulator.model.settings import GROUP_OF_SWITCH, Behaviour
from tests.emulator.wire import control

# Public: tests and the control API name switches without their groups.
FLAT_NAMES = {
    "all_parameters_signed",
    "cancel_of_ended",
    "cancel_seconds",
    "clock_offset_seconds",
    "concurrency",
    "content_type_required",
    "control_characters",
    "cos_style_errors",
    "cos_token_accepted",
    "date_header",
    "end_of_list",
    "exactly_one_input",
    "failed_files",
    "failing_every",
    "failing_keys",
    "failing_times",
    "failure_code",
    "failure_message",
    "file_failure_code",
    "file_failure_message",
    "file_seconds",
    "files_created",
    "interval_bounds",
    "interval_for_all",
    "job_by_id",
    "job_id_filter",
    "list_lag_answers",
    "list_lag_seconds",
    "max_object_bytes",
    "name_filter",
    "name_limit",
    "no_objects",
    "object_as_url",
    "outcome",
    "paused_workflow",
    "plain_http",
    "repeat_token",
    "run_seconds",
    "same_name",
    "several_workflows",
    "short_pages",
    "shuffle_nodes",
    "skew_seconds",
    "submitted_seconds",
    "temporary_key_seconds",
    "unknown_job",
    "wrong_signature",
}


def test_the_names_of_switches_do_not_change():
    assert set(GROUP_OF_SWITCH) == FLAT_NAMES


def test_no_two_groups_have_a_switch_of_the_same_name():
    behaviour = Behaviour()
    names = [switch.name for group in fields(behaviour) for switch in fields(getattr(behaviour, group.name))]
    assert len(names) == len(set(names))


def test_switches_of_several_groups_are_changed_at_once():
    behaviour = Behaviour().changed(run_seconds=60, name_filter="prefix", clock_offset_seconds=-5)
    assert behaviour.jobs.run_seconds == 60
    assert behaviour.lists.name_filter == "prefix"
    assert behaviour.clock.offset.total_seconds() == -5
    assert behaviour.changed(submitted_seconds=9).jobs.run_seconds == 60


def test_the_flat_values_recreate_the_same_behaviour():
    behaviour = Behaviour().changed(failing_keys=["*.mp4"], run_seconds=None, outcome="pause")
    assert Behaviour().changed(**behaviour.flat()) == behaviour


@pytest.mark.parametrize("patterns", ["a*", ("a*",), ["a*"], {"a*"}])
def test_failing_keys_accept_one_pattern_or_several(patterns):
    assert Behaviour().changed(failing_keys=patterns).files.failing_keys == ("a*",)


@pytest.mark.parametrize(
    ("switches", "complaint"),
    [
        ({"run_second": 1}, "No such switch: run_second. There are: all_parameters_signed, "),
        ({"jobs": {}}, "No such switch: jobs"),
        ({"outcome": "maybe"}, "outcome='maybe' is not one of success, fail, cancel, pause."),
        ({"outcome": ["fail"]}, "outcome=['fail'] is not one of"),
        ({"run_seconds": "5"}, "run_seconds='5' is not a number."),
        ({"run_seconds": True}, "run_seconds=True is not a number."),
        ({"submitted_seconds": None}, "submitted_seconds=None is not a number."),
        ({"skew_seconds": -1}, "skew_seconds=-1 is negative."),
        ({"short_pages": 1}, "short_pages=1 is not a bool."),
        ({"failure_code": 5}, "failure_code=5 is not a str."),
        ({"failing_keys": 5}, "failing_keys=5 is not a tuple."),
        ({"wrong_signature": "401"}, "wrong_signature='401' is not a status and a code, such as '401 InvalidAuth"),
        ({"wrong_signature": "200 Fine"}, "is not a status and a code"),
        ({"concurrency": 0}, "concurrency=0 lets no file be worked on."),
    ],
)
def test_an_unknown_switch_or_value_is_refused(switches, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Behaviour().changed(**switches)


def test_the_control_api_accepts_and_returns_flat_names(emulator):
    status, shown = control(emulator, "POST", "behaviour", run_seconds=7, cos_style_errors=True)
    assert status == 200
    assert set(shown) == FLAT_NAMES
    assert (shown["run_seconds"], shown["cos_style_errors"]) == (7, True)
    assert control(emulator, "GET", "state")[1]["behaviour"] == shown


def test_a_comma_between_patterns_is_refused_with_the_list_that_is_meant():
    meant = 'give a list, ["a*", "b"]; for one with a comma a list of one, ["a*, b"]'
    with pytest.raises(ValueError, match=re.escape(meant)):
        Behaviour().changed(failing_keys="a*, b")
    assert Behaviour().changed(failing_keys=["a*, b"]).files.failing_keys == ("a*, b",)
