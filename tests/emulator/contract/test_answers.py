"""The answers of an emulator by the facts that are new switches: bytes and headers on the wire."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import EXECUTIONS, HOST, JOBS, call, create, request_body

ANOTHER_KEY = Credentials(defaults.SECRET_ID, "another-key")
OBJECT_HOST = HOST.replace(".ci.", ".cos.")


@pytest.mark.parametrize(
    ("form", "accepted_has", "refused_has"),
    [("every", True, True), ("not_on_errors", True, False), ("none", False, False)],
)
def test_date_is_on_the_answers_that_the_contract_says(emulator, form, accepted_has, refused_has):
    emulator.configure(date_header=form)
    assert ("date" in call(emulator, "GET", JOBS).headers) is accepted_has
    assert ("date" in call(emulator, "GET", JOBS, keys=ANOTHER_KEY).headers) is refused_has
    assert "date" in call(emulator, "GET", "/no-object", headers={"host": OBJECT_HOST}).headers


@pytest.mark.parametrize("fault", ["drip", "slow_down"])
def test_a_fault_brings_no_date_back(emulator, fault):
    emulator.configure(date_header="none")
    emulator.inject(fault)
    assert "date" not in call(emulator, "GET", JOBS).headers


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ("401 InvalidAuthorization", 401, "InvalidAuthorization"),
        ("401 AccessDenied", 401, "AccessDenied"),
        ("403 SignatureDoesNotMatch", 403, "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_signature_is_refused_as_the_contract_says(emulator, answer, status, code):
    emulator.configure(wrong_signature=answer)
    refused = call(emulator, "GET", JOBS, keys=ANOTHER_KEY)
    assert (refused.status, refused.code) == (status, code)
    refused = call(emulator, "GET", "/media/0001.mp4", keys=ANOTHER_KEY, headers={"host": OBJECT_HOST})
    assert (refused.status, refused.code) == (403, "SignatureDoesNotMatch")  # documented for COS


@pytest.mark.parametrize(
    ("answer", "code"), [("301", "PermanentRedirect"), ("302", "TemporaryRedirect"), ("308", "PermanentRedirect")]
)
def test_a_client_without_tls_is_redirected_to_https(emulator, answer, code):
    emulator.configure(plain_http=answer)
    redirected = call(emulator, "GET", JOBS, [("size", "2")], unsigned={"x-forwarded-proto": "http"})
    assert (redirected.status, redirected.code) == (int(answer), code)
    assert redirected.headers["location"] == f"https://{HOST}{JOBS}?size=2"
    assert call(emulator, "GET", JOBS, unsigned={"x-forwarded-proto": "https"}).status == 200
    assert call(emulator, "GET", JOBS).status == 200


def test_a_name_may_be_refused_that_another_batch_has(emulator):
    emulator.configure(same_name="refuse")
    create(emulator, name="one")
    create(emulator, name="another")
    refused = call(emulator, "POST", JOBS, body=request_body(name="one"))
    assert (refused.status, refused.code) == (400, "InvalidArgument")
    assert "'one' is the name of another batch" in refused.message
    assert len(emulator.jobs) == 2


@pytest.mark.parametrize("lag", [{"list_lag_seconds": 10}, {"list_lag_answers": 2}])
@pytest.mark.parametrize(("answer", "shown"), [("at_once", 1), ("with_list", 0)])
def test_a_request_by_id_finds_a_batch_at_once_or_with_the_list(emulator, lag, answer, shown):
    emulator.configure(job_by_id=answer, **lag)
    job_id = create(emulator)
    for _ in range(3):  # which do not count as answers of the list
        assert len(call(emulator, "GET", f"{JOBS}/{job_id}").texts("JobsDetail")) == shown
    emulator.advance(10)
    for _ in range(2):
        call(emulator, "GET", JOBS)
    assert len(call(emulator, "GET", f"{JOBS}/{job_id}").texts("JobsDetail")) == 1
    assert len(call(emulator, "GET", JOBS).texts("JobsDetail")) == 1


def test_a_batch_that_cannot_be_read_yet_can_be_cancelled(emulator):
    emulator.configure(job_by_id="with_list", list_lag_seconds=10)
    job_id = create(emulator)
    assert call(emulator, "PUT", f"{JOBS}/{job_id}", [("cancel", "")]).status == 200
    assert emulator.job(job_id).state == "Cancel"


@pytest.mark.parametrize(("form", "written"), [("replaced", "\ufffd"), ("reference", "&#x3;"), ("bare", "\x03")])
def test_lists_and_details_write_a_control_character_as_the_contract_says(emulator, form, written):
    emulator.configure(control_characters=form, submitted_seconds=0)
    emulator.add_objects("odd/a\x03b&c.mp4")
    job_id = create(emulator, inputs="<Prefix>odd/</Prefix>")
    [execution] = emulator.files(job_id)
    node = f"<Object>odd/a{written}b&amp;c.mp4</Object>".encode()
    query = [("workflowId", defaults.WORKFLOW_ID), ("jobId", job_id)]
    assert node in call(emulator, "GET", EXECUTIONS, query).body
    assert node in call(emulator, "GET", f"{EXECUTIONS}/{execution.id}").body
