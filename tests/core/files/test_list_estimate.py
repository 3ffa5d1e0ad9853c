"""The number of files of a long list, estimated from parts of it."""

from __future__ import annotations

import bisect
import math
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.files.file_survey import survey_files
from airflow_provider_tencent_ci.core.files.list_estimate import Piece, weights_of
from airflow_provider_tencent_ci.core.wire.messages import Request, Response
from airflow_provider_tencent_ci.exceptions import ServiceUnavailableError
from tests.core.files.list_model import Listing, Overtaking
from tests.core.files.records import CHILD_JOB, WORKFLOW_JOB, File, _execution
from tests.core.script import START, failure, respond

STATES = ("Success", "Failed", "Running", "Cancel")
IN_ORDER, MOST_REQUESTS = 20, 20 + 24 + 1


@dataclass
class BigListing:
    """
    A list of many files, by time; only the files of a page are made.

    :param seconds: when each was created, rising.
    :param state_of: the state of a file, by its number.
    """

    seconds: list[int]
    state_of: Callable[[int], str] = lambda _number: "Success"
    requests: list[dict[str, str]] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        query = {name: value or "" for name, value in request.query}
        self.requests.append(query)
        since = query.get("startCreationTime")
        first = (
            bisect.bisect_left(self.seconds, (datetime.fromisoformat(since) - START).total_seconds()) if since else 0
        )
        wanted = range(max(first, int(query.get("nextToken") or 0)), len(self.seconds))
        if query.get("states"):
            wanted = [number for number in wanted if self.state_of(number) in query["states"]]
        shown = wanted[:100]
        token = str(shown[-1] + 1) if len(wanted) > 100 else ""
        files = (File(n, self.state_of(n), START + timedelta(seconds=self.seconds[n])) for n in shown)
        return respond(f"<Response>{''.join(map(_execution, files))}<NextToken>{token}</NextToken></Response>")


def ended(seconds_after, job=WORKFLOW_JOB):
    return replace(job, state=JobState.SUCCESS, end_time=START + timedelta(seconds=seconds_after))


def look(listing, job, seed=0, answer=None, now_seconds=100_000):
    driver = Overtaking(answer or listing.answer, seed, START + timedelta(seconds=now_seconds))
    return driver.run(survey_files(job, IN_ORDER, 12))


def truth(files):
    return {state: sum(file.state == state for file in files) for state in STATES}


def told(counts):
    return {state: counts.to_dict()[state] for state in STATES}


# --- how good it is

SHAPES: dict[str, Callable[[random.Random], float]] = {
    "evenly": lambda chance: chance.random(),
    "faster and faster": lambda chance: math.sqrt(chance.random()),
    "slower and slower": lambda chance: 1 - math.sqrt(chance.random()),
    "faster in one half": lambda chance: chance.random() / 2 if chance.random() < 0.8 else 0.5 + chance.random() / 2,
    "with a pause of half of the time": lambda chance: (at := chance.random() / 2) + (0.5 if at > 0.3 else 0),
    "in waves": lambda chance: next(
        at for at in iter(chance.random, None) if chance.random() * 2 < 1 + math.sin(at * 20)
    ),
}


def shaped(shape, number, per_second, seed):
    chance, length = random.Random(seed), number / per_second
    return sorted(int(SHAPES[shape](chance) * length) for _ in range(number))


PAGE = (Path(__file__).parents[3] / "docs" / "batches_of_millions.md").read_text("utf-8")
ERRORS_ROW = re.compile(r"^\| (?P<shape>[a-z ]+) \| (?P<half>[0-9.]+) % \| (?P<all>[0-9.]+) % \|$", re.M)

# In percent: the larger error of half of the lists, and the largest of all.
STATED_ERRORS = {row["shape"]: (float(row["half"]), float(row["all"])) for row in ERRORS_ROW.finditer(PAGE)}


def test_the_page_states_the_errors_of_each_shape():
    assert STATED_ERRORS.keys() == SHAPES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_an_estimate_is_within_the_stated_error(shape):
    errors, requests = [], Counter()
    for seed in range(16):
        number, per_second = [5_000, 20_000, 60_000][seed % 3], [0.5, 5, 30, 80][seed % 4]
        listing = BigListing(shaped(shape, number, per_second, seed))
        survey = look(listing, ended(listing.seconds[-1] + 20), seed)
        assert survey.is_estimate
        errors.append(100 * abs(survey.counts.total / number - 1))
        requests[len(listing.requests)] += 1
    half, largest = STATED_ERRORS[shape]
    assert sorted(errors)[len(errors) // 2 - 1] <= half, errors
    assert max(errors) <= largest, errors
    assert max(requests) <= MOST_REQUESTS
    assert requests.most_common(1)[0][0] == 29


def test_a_million_files_with_failed_ones_are_estimated():
    failing = random.Random(3)
    broken = bytes(failing.random() < 0.03 for _ in range(1_000_000))
    listing = BigListing(shaped("evenly", 1_000_000, 90, 1), lambda number: "Failed" if broken[number] else "Success")
    survey = look(listing, ended(listing.seconds[-1] + 60))
    assert survey.counts.total == pytest.approx(1_000_000, rel=0.1)
    assert survey.counts.failed / survey.counts.total == pytest.approx(0.03, abs=0.01)
    assert (survey.is_estimate, survey.is_complete) == (True, False)
    assert len(listing.requests) <= MOST_REQUESTS


def test_the_states_of_a_running_batch_are_those_of_their_times():
    seconds = shaped("evenly", 40_000, 40, 1)
    listing = BigListing(seconds, lambda number: "Success" if number < 25_000 else "Running")
    counts = look(listing, WORKFLOW_JOB, now_seconds=seconds[-1]).counts
    assert counts.succeeded == pytest.approx(25_000, rel=0.15)
    assert counts.running == pytest.approx(15_000, rel=0.15)


@pytest.mark.parametrize("failed", [0, 1, 37, 100])
def test_up_to_a_hundred_failed_files_are_counted_exactly(failed):
    numbers = set(random.Random(failed).sample(range(50_000), failed))
    listing = BigListing(shaped("evenly", 50_000, 40, 1), lambda number: "Failed" if number in numbers else "Success")
    survey = look(listing, ended(2_000))
    assert survey.is_estimate
    assert survey.counts.failed == failed


def test_a_file_of_a_sample_stands_for_as_many_as_its_piece():
    def runs(number):
        return (None,) * number

    pieces = [Piece(0, 10, runs(100)), Piece(30, 40, runs(50)), Piece(40, 50, runs(0))]
    assert weights_of(pieces, 69) == [2, 2, 3]
    assert weights_of(pieces[:1], 9) == [1]
    assert weights_of([], 9) == []


def test_the_sample_of_an_estimate_is_spread_over_the_batch():
    listing = BigListing(shaped("evenly", 60_000, 60, 2))
    numbers = sorted(int(file.run.run_id[1:]) for file in look(listing, ended(1_010)).sample)
    assert len(numbers) == 32
    assert 0.25 < sum(number < 30_000 for number in numbers) / len(numbers) < 0.75


# --- when it is exact


@st.composite
def lists(draw, most):
    chance = random.Random(draw(st.integers(0, 10_000)))
    number = draw(st.integers(0, most))
    length = draw(st.sampled_from([1, 4, 60, 1_000, 50_000]))
    seconds = [chance.randrange(length) for _ in range(number)]
    if draw(st.booleans()):  # a head, then a pause
        seconds = [at if chance.random() < 0.5 else at + 3 * length for at in seconds]
    return [File(n, chance.choice(STATES), START + timedelta(seconds=at)) for n, at in enumerate(sorted(seconds))]


JOBS = st.sampled_from([WORKFLOW_JOB, CHILD_JOB, ended(300_000), ended(300_000, CHILD_JOB), ended(1)])
HONOURED = st.sampled_from([("startCreationTime", "endCreationTime"), (), ("endCreationTime",)])


@settings(max_examples=150, deadline=None)
@given(lists(IN_ORDER * 5), JOBS, HONOURED, st.booleans(), st.booleans(), st.integers(0, 1_000))
def test_a_list_that_fits_is_counted_exactly(files, job, honours, shuffled, repeats, seed):
    if shuffled:
        random.Random(seed).shuffle(files)
    listing = Listing(files, 5, honours=honours, repeats_last_token=repeats)
    survey = look(listing, job, seed)
    assert (told(survey.counts), survey.is_complete, survey.is_estimate) == (truth(files), True, False)
    assert len(listing.requests) <= MOST_REQUESTS


@pytest.mark.parametrize("pages", [1, 2, 4, 10, 20])
def test_a_list_that_seems_short_costs_no_request_more(pages):
    listing = Listing([File(n, "Success", START + timedelta(seconds=n)) for n in range(pages * 5)], 5)
    assert look(listing, ended(pages * 5)).is_complete
    assert len(listing.requests) == pages


# --- when there is no estimate


@settings(max_examples=150, deadline=None)
@given(st.data(), lists(1_500), JOBS, HONOURED, st.integers(0, 1_000))
def test_a_list_that_changes_or_is_odd_never_breaks_it(data, files, job, honours, seed):
    chance = random.Random(seed)
    last = max((file.created_at for file in files), default=START)
    is_odd, at_first = data.draw(st.booleans()), len(files)
    if is_odd:
        files.sort(key=lambda _file: chance.random() < 0.01)
        for file in chance.sample(files, min(2, len(files))):
            file.created_at = None

    def change(listing):
        if chance.random() < 0.3:
            listing.files.append(File(len(listing.files), "Running", last + timedelta(seconds=chance.randrange(60))))
        for file in chance.sample(listing.files, min(3, len(listing.files))):
            file.state = chance.choice(STATES)

    listing = Listing(
        files, 5, short=data.draw(st.booleans()), honours=honours, before_answer=change, chance=random.Random(seed)
    )
    survey = look(listing, job, seed)
    assert len(listing.requests) <= MOST_REQUESTS
    if not survey.is_estimate:
        assert survey.counts.total <= len(files)
    if survey.is_complete and not is_odd:
        assert at_first <= survey.counts.total
    assert all(number >= 0 for number in told(survey.counts).values())


@pytest.mark.parametrize(("per_second", "is_estimate"), [(300, True), (1_500, False), (50_000, False)])
def test_a_list_with_too_many_files_in_a_second_is_not_estimated(per_second, is_estimate):
    listing = BigListing(shaped("evenly", 50_000, per_second, 1))
    survey = look(listing, ended(listing.seconds[-1] + 5))
    assert (survey.is_estimate, survey.is_complete) == (is_estimate, False)
    assert len(listing.requests) <= MOST_REQUESTS
    assert survey.counts.total == pytest.approx(50_000, rel=0.2) if is_estimate else survey.counts.total == 2_000


def test_a_service_that_ignores_the_start_of_a_window_gives_a_minimum():
    listing = BigListing(shaped("evenly", 50_000, 50, 1))

    def answer(request):
        query = tuple((name, value) for name, value in request.query if name != "startCreationTime")
        return listing.answer(replace(request, query=query))

    survey = look(listing, ended(1_005), answer=answer)
    assert (survey.is_estimate, survey.is_complete, survey.counts.total) == (False, False, 2_000)


@pytest.mark.parametrize("good", range(4, 40, 5))
@pytest.mark.parametrize("errors", [1, 100])
def test_an_error_while_it_is_estimated_costs_the_estimate_at_most(good, errors):
    listing, failures = BigListing(shaped("evenly", 50_000, 50, 1)), iter(range(errors))

    def answer(request):
        is_broken = len(listing.requests) >= good and next(failures, None) is not None
        return failure(503) if is_broken else listing.answer(request)

    survey = look(listing, ended(1_005), answer=answer)
    assert survey.counts.total >= 400
    if survey.is_estimate:
        assert survey.counts.total == pytest.approx(50_000, rel=0.3)


@pytest.mark.parametrize("good", range(4))
def test_an_error_of_one_of_the_first_pages_is_raised(good):
    listing = BigListing(shaped("evenly", 50_000, 50, 1))

    def answer(request):
        return failure(503) if len(listing.requests) >= good else listing.answer(request)

    with pytest.raises(ServiceUnavailableError):
        look(listing, ended(1_005), answer=answer)


@pytest.mark.parametrize(("answer_seconds", "least"), [(0.3, 2_000), (2.9, 400), (5, 300)])
def test_a_slow_service_ends_the_estimate_in_time(answer_seconds, least):
    """No page is requested later than the time that is given, nor is the one of the failed files."""
    listing, asked_at = BigListing(shaped("evenly", 50_000, 50, 1)), []
    driver = Overtaking(None, 0, START + timedelta(seconds=2_000))

    def answer(request):
        asked_at.append(driver.now)
        driver.now += timedelta(seconds=answer_seconds)
        return listing.answer(request)

    driver.answer = answer
    survey = driver.run(survey_files(ended(1_005), IN_ORDER, 12))
    assert survey.counts.total >= least
    assert max(asked_at) - START <= timedelta(seconds=12)


# --- several lists


def test_several_workflows_share_the_requests():
    even = {name: BigListing(shaped("evenly", 30_000, 30, number)) for number, name in enumerate(("w1", "w2", "w3"))}
    job = replace(ended(1_010), operation={"WorkflowIds": ",".join(even)})
    survey = look(None, job, answer=lambda request: even[dict(request.query)["workflowId"]].answer(request))
    assert survey.counts.total == pytest.approx(90_000, rel=0.2)
    assert survey.is_estimate
    requests = Counter({name: len(listing.requests) for name, listing in even.items()})
    assert requests.total() <= MOST_REQUESTS + 2
