"""The request of a round, and the counts of the batch after it."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.submitting.round_parts import RoundPart
from airflow_provider_tencent_ci.core.submitting.round_request import (
    Resubmission,
    url_list_folder,
)
from airflow_provider_tencent_ci.core.submitting.submission_note import SubmissionNote
from airflow_provider_tencent_ci.core.submitting.submission_token import TaskIdentity, submission_token
from airflow_provider_tencent_ci.exceptions import PermissionDeniedError
from tests.core.script import LOST, START, Script, failure, job_xml, page, respond
from tests.core.submitting.attempts import NAME, TOKEN, Listing, Notes, submitting

SPECIFICATION = InventoryJobSpecification.from_arguments(
    workflow_ids="w1", prefix="media/", start_time="2026-01-01T00:00:00+08:00"
)
FOLDER, KEY = "lists/b1/", "lists/b1/failed-1.txt"
ROUND = Resubmission.of(SPECIFICATION, 1, FOLDER, RoundPart(1), b"https://x/a\n")
CREATED = respond(f"<Response>{job_xml('b2')}</Response>")


def submit(specification=ROUND):
    return submitting(specification, before_submit=specification.upload_inputs)


def test_a_round_has_the_same_request_for_any_time_of_the_upload():
    assert (
        ROUND.body("n")
        .decode()
        .endswith(
            "<Type>Workflow</Type><Input><UrlFile>lists/b1/failed-1.txt</UrlFile></Input>"
            "<Operation><WorkflowIds>w1</WorkflowIds></Operation></Request>"
        )
    )


def test_a_round_of_nodes_requests_the_same_nodes():
    nodes = {"Tag": "MediaInfo", "TimeInterval": {"Start": "x"}, "UserData": "mine"}
    specification = InventoryJobSpecification.from_arguments(job=nodes, prefix="media/")
    again = Resubmission.of(specification, 1, FOLDER, RoundPart(1), b"")
    assert (again.type, again.operation) == ("Job", {"Tag": "MediaInfo", "UserData": "mine"})


def token_of(specification):
    return submission_token(TaskIdentity("nightly", "r1", "submit", -1, 0), specification.identity)


def part(*place, name="b1", content=b""):
    return Resubmission.of(SPECIFICATION, 1, url_list_folder("lists/", name), RoundPart(*place), content)


def test_each_round_has_its_own_token_even_with_the_same_list():
    rounds = [SPECIFICATION, *(part(number, name=name) for name in ("b1", "b2") for number in (1, 2))]
    assert len({token_of(one) for one in rounds}) == 5
    assert token_of(part(1, content=b"other")) == token_of(ROUND)


def test_each_part_has_its_own_token_whatever_number_of_parts_there_is():
    places = [(number, one) for number in (1, 2) for one in range(1, 12)]
    tokens = {place: {token_of(part(*place, parts)) for parts in (11, 12, 99)} for place in places}
    assert [len(found) for found in tokens.values()] == [1] * 22
    assert len(set.union(*tokens.values())) == 22
    assert token_of(part(1, 1, 3)) == token_of(ROUND), "a retry finds it before it knows the number"


def test_the_key_of_a_list_says_which_part_it_is():
    for place in (RoundPart(1), RoundPart(2, 1, 3), RoundPart(12, 30, 30)):
        request = Resubmission.of(SPECIFICATION, 1, FOLDER, place, b"")
        assert RoundPart.of_job(InventoryJob("b1", input=request.input)) == place
    for key in ("lists/failed-1-part-2.txt", "failed-1.txt", "lists/failed-x.txt", ""):
        assert RoundPart.of_job(InventoryJob("b1", input={"UrlFile": key})) is None


def test_the_list_is_uploaded_right_before_the_submission():
    script = Script([page(), respond(), CREATED])
    assert script.run(submit()).job.job_id == "b2"
    assert [(one.method, one.path) for one in script.requests] == [
        ("GET", "/inventorytriggerjob"), ("PUT", f"/{KEY}"), ("POST", "/inventorytriggerjob"),
    ]  # fmt: skip
    assert script.requests[1].body == ROUND.url_list


def test_nothing_is_uploaded_for_a_round_that_exists_already():
    script = Script([page(job_xml("b2", Name=NAME, State="Success"))])
    submission = script.run(
        submitting(ROUND, Notes(SubmissionNote(TOKEN, posts=1)), is_first=False, before_submit=ROUND.upload_inputs)
    )
    assert (submission.adopted, submission.job.job_id) == (True, "b2")
    assert not script.sent("PUT")


def test_no_round_is_submitted_without_its_list():
    script = Script([page(), failure(403, "AccessDenied")])
    with pytest.raises(PermissionDeniedError):
        script.run(submit())
    assert not script.sent("POST")


def test_a_submission_of_unknown_outcome_is_searched_and_not_uploaded_again():
    script = Listing([page(), respond(), LOST, *[page(job_xml("b2", Name=NAME))] * 2])
    assert script.run(submit()).adopted
    assert len(script.sent("PUT")) == len(script.sent("POST")) == 1


def test_a_first_submission_uploads_nothing():
    script = Script([page(), CREATED])
    script.run(submit(SPECIFICATION))
    assert not script.sent("PUT")


@pytest.mark.parametrize(
    ("again", "succeeded", "failed", "cancelled"),
    [
        (FileCounts(succeeded=10), 100, 0, 0),
        (FileCounts(succeeded=7, failed=3), 97, 3, 0),
        (FileCounts(failed=10), 90, 10, 0),
        (FileCounts(succeeded=6, failed=2), 96, 4, 0),  # the round did not process two of them
        (FileCounts(), 90, 10, 0),
        (FileCounts(succeeded=8, cancelled=2), 98, 0, 2),
        (FileCounts(succeeded=12), 102, 0, 0),  # the service's own value counts
    ],
)
def test_the_counts_of_a_batch_are_updated_after_a_round(again, succeeded, failed, cancelled):
    counts = FileCounts(succeeded=90, failed=10, first_at=START, last_at=START).after_another_round(again)
    assert (counts.succeeded, counts.failed, counts.cancelled) == (succeeded, failed, cancelled)
    assert counts.first_at == START


def test_counts_survive_xcom():
    counts = FileCounts(1, 2, 3, 4, START, None)
    assert FileCounts.from_dict({**counts.to_dict(), "FailureList": None}) == counts
