"""Each error can leave its process: pools and Airflow pickle and copy it. The classes are found, not listed."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci import exceptions
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.plugins import page_requests  # noqa: F401 - has an error of its own
from tests.strategies import moments, text

STATES = [*JobState, JobState("NotYetKnown")]
JOBS = st.builds(
    InventoryJob,
    job_id=text,
    state=st.sampled_from(STATES),
    creation_time=st.none() | moments,
    input=st.dictionaries(text, text, max_size=2),
)
VALUES = {
    "message": text,
    "status": st.integers(),
    "code": text,
    "request_id": text,
    "advice": text,
    "retry_after_seconds": st.none() | st.floats(allow_nan=False),
    "request_sent": st.booleans(),
    "may_pass": st.booleans(),
    "job": JOBS,
}


def tree(
    kind: type[exceptions.TencentCIError] = exceptions.TencentCIError,
) -> Iterator[type[exceptions.TencentCIError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def arguments(kind: type) -> st.SearchStrategy[dict[str, object]]:
    names = [name for name in inspect.signature(kind.__init__).parameters if name in VALUES]
    return st.fixed_dictionaries({name: VALUES[name] for name in names})


@st.composite
def errors(draw):
    kind = draw(st.sampled_from(list(tree())))
    given_arguments = draw(arguments(kind))
    message = given_arguments.pop("message") if "message" in given_arguments else draw(text)
    error = kind(message, **given_arguments)
    if draw(st.booleans()):
        error.add_note(draw(text))
    if draw(st.booleans()):
        error.__cause__ = draw(st.sampled_from([None, OSError(1, "no route"), error]) | errors())
    return error


def facts(error: BaseException | None, depth: int = 3) -> object:
    if not isinstance(error, exceptions.TencentCIError) or not depth:
        return None
    return type(error), error.args, str(error), vars(error), facts(error.__cause__, depth - 1)


def pickled(error, protocol=pickle.DEFAULT_PROTOCOL):
    return pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - written here


WAYS = [*(partial(pickled, protocol=protocol) for protocol in range(6)), copy.copy, copy.deepcopy]


@given(errors())
def test_an_error_is_the_same_after_a_pickle_and_a_copy(error):
    for way in WAYS:
        assert facts(way(error)) == facts(error)


def test_a_cause_that_cannot_be_pickled_is_left_out():
    error = exceptions.TransportError("No answer.", request_sent=True)
    error.__cause__ = OSError(multiprocessing.Lock())
    assert pickled(error).__cause__ is None


def fail() -> None:
    raise exceptions.JobFailedError("It failed.", job=InventoryJob("b1", state=JobState("NotYetKnown")))


def test_an_error_comes_back_from_another_process():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        error = pool.submit(fail).exception(timeout=300)
    assert isinstance(error, exceptions.JobFailedError)
    assert error.job.state == "NotYetKnown"
