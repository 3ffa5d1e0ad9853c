"""The jobs that may be submitted: each order once, most of them over an empty prefix."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.service_times import format_time
from airflow_provider_tencent_ci.core.wire.xml import Node
from tests.live.settings import Settings

# The prefix of all names, so that the jobs of a killed run can be found.
NAME_PREFIX = "LiveCheck-"
_NAME_LENGTH = 128
_EPOCH = "1970-01-01T00:00:00+0000"
_A_DAY_LATER = "1970-01-02T00:00:00+0000"

Nodes = Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Scope:
    """
    The values in an order's content.

    :param token: of this run; in the name of each job.
    :param bucket_url: the address of the bucket's objects.
    :param modified_at: when the object was last modified, for the orders that need it.
    """

    settings: Settings
    token: str
    bucket_url: str
    modified_at: datetime | None = None

    @property
    def nothing(self) -> Nodes:
        """An ``Input`` that matches no object."""
        return {"Prefix": f"{NAME_PREFIX}{self.token}/nothing/"}

    @property
    def missing_key(self) -> str:
        """The key of an object that does not exist."""
        return f"{NAME_PREFIX}{self.token}/missing.mp4"

    @property
    def control_key(self) -> str:
        """The key of an object with a character that XML forbids."""
        return f"{self.settings.control_prefix}film\x03.mp4"

    @property
    def object_url(self) -> str:
        """The address of the list of objects."""
        return f"{self.bucket_url}/{self.settings.list_key}"


@dataclass(frozen=True, slots=True)
class Order:
    """
    One submission.

    :param purpose: why it is made, for the report.
    :param files: how many files it processes at most.
    :param input: its ``Input``.
    :param needs: the setting that it requires.
    :param operation: its ``Operation``; by default the workflow.
    :param type: ``Workflow`` or ``Job``.
    :param name: the end of its name, which may break the rules.
    """

    key: str
    purpose: str
    files: int
    input: Callable[[Scope], Nodes]
    needs: str = ""
    operation: Callable[[Scope], Nodes] = lambda scope: {"WorkflowIds": scope.settings.workflow_id}
    type: str = "Workflow"
    name: str = ""

    def name_of(self, token: str) -> str:
        """Return the job's name."""
        beginning = f"{NAME_PREFIX}{token}-"
        return beginning + (self.name or self.key).format(fill="检" * (_NAME_LENGTH - len(beginning)))

    def request(self, scope: Scope) -> Request:
        """Build the ``POST``, also where :func:`build_create` would refuse the name."""
        specification = InventoryJobSpecification(self.type, self.input(scope), self.operation(scope))
        body = specification.body(self.name_of(scope.token))
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        headers = {"content-type": "application/xml", "content-md5": md5}
        return Request("POST", "/inventorytriggerjob", headers=headers, body=body)


def _object(scope: Scope) -> Nodes:
    return {"Object": scope.settings.object_key}


def _nothing(scope: Scope) -> Nodes:
    return scope.nothing


def _interval(start: str, end: str, scope: Scope) -> Nodes:
    return {"TimeInterval": {"Start": start, "End": end}, "WorkflowIds": scope.settings.workflow_id}


def _interval_at_its_time(begins_days: int, ends_days: int) -> Callable[[Scope], Nodes]:
    def interval(scope: Scope) -> Nodes:
        if scope.modified_at is None:
            raise ValueError("The object's time is not known.")
        start, end = (scope.modified_at + timedelta(days=days) for days in (begins_days, ends_days))
        return _interval(format_time(start), format_time(end), scope)

    return interval


def _node(scope: Scope) -> Nodes:
    settings = scope.settings
    callback = {"CallBack": settings.notification_url} if settings.notification_url else {}
    return {**(settings.job or {}), **callback}


MAIN = Order("main", "the object, run to its end; most questions look at this job", 1, _object)
STOPPED = Order("stopped", "the object, cancelled at once", 1, _object)
NOTHING = Order("nothing", "a prefix that matches nothing", 0, _nothing)
MISSING = Order("missing", "an object that does not exist", 0, lambda scope: {"Object": scope.missing_key})
TWO_INPUTS = Order("two-inputs", "Object and Prefix at once", 1, lambda scope: {**_object(scope), **scope.nothing})
INTERVAL = Order(
    "interval",
    "the object, with a TimeInterval that excludes it",
    1,
    _object,
    operation=lambda scope: _interval(_EPOCH, _A_DAY_LATER, scope),
)
START_BOUND = Order(
    "start-bound",
    "the object by Prefix, with a TimeInterval that begins when it was modified",
    1,
    lambda scope: {"Prefix": scope.settings.object_key},
    operation=_interval_at_its_time(0, 1),
)
END_BOUND = Order(
    "end-bound",
    "the object by Prefix, with a TimeInterval that ends when it was modified",
    1,
    lambda scope: {"Prefix": scope.settings.object_key},
    operation=_interval_at_its_time(-1, 0),
)
SAME_NAME = Order("same-name", "nothing, with the name of the first job", 0, _nothing, name="main")
LONG_NAME = Order("long-name", "nothing, with a name of 128 characters, most Chinese", 0, _nothing, name="{fill}")
RARE_NAME = Order("rare-name", "nothing, with a name of a rare Chinese character", 0, _nothing, name="㐀")
DASH_NAME = Order("dash-name", "nothing, with a long dash in its name", 0, _nothing, name="a—b")
SECOND_WORKFLOW = Order(
    "two-workflows",
    "the object, with two workflows",
    2,
    _object,
    "second_workflow_id",
    lambda scope: {"WorkflowIds": f"{scope.settings.workflow_id},{scope.settings.second_workflow_id}"},
)
PAUSED_WORKFLOW = Order(
    "paused-workflow",
    "the object, with a workflow that is paused",
    1,
    _object,
    "paused_workflow_id",
    lambda scope: {"WorkflowIds": scope.settings.paused_workflow_id},
)
FAILING = Order(
    "failing",
    "the object that the workflow cannot process",
    1,
    lambda scope: {"Object": scope.settings.failing_object_key},
    "failing_object_key",
)
LIST = Order(
    "list", "a list of the object, by its key", 1, lambda scope: {"UrlFile": scope.settings.list_key}, "list_key"
)
LIST_URL = Order(
    "list-url", "a list of the object, by its URL", 1, lambda scope: {"UrlFile": scope.object_url}, "list_key"
)
CONTROL = Order(
    "control-character",
    "a new object with a control character in its key, by Prefix",
    1,
    lambda scope: {"Prefix": scope.settings.control_prefix},
    "control_prefix",
)
NODE = Order("node", "Type=Job over a prefix that matches nothing", 0, _nothing, "job", _node, "Job")
