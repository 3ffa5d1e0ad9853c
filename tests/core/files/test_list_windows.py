"""Long lists: read as windows side by side, with the same result as in order."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.failed_files_reader import FailedFiles, keys_only, with_reasons
from airflow_provider_tencent_ci.core.files.list_windows import Window
from airflow_provider_tencent_ci.core.files.settled_files import IncrementalCount
from airflow_provider_tencent_ci.exceptions import ApiError
from tests.core.files.list_model import STATES, Listing, Overtaking
from tests.core.files.records import CHILD_JOB, WORKFLOW_JOB, File
from tests.core.script import START, Script, failure

KINDS = [WORKFLOW_JOB, CHILD_JOB]
SECOND = timedelta(seconds=1)


def ended(job, files):
    times = [file.created_at for file in files if file.created_at]
    return replace(job, state=job.state.SUCCESS, end_time=max(times, default=START) + timedelta(seconds=20))


def batch(seconds, states=("Success",), chance=None):
    """Files that were created at these seconds."""
    chance = chance or random.Random(1)
    return [File(n, chance.choice(states), START + timedelta(seconds=at)) for n, at in enumerate(seconds)]


def truth(files):
    return {state: sum(file.state == state for file in files) for state in STATES}


def told(counts):
    return {state: counts.to_dict()[state] for state in STATES}


def count(listing, job, seed=0, **options):
    driver = Overtaking(listing.answer, seed)
    return driver.run(count_files(ended(job, listing.files), **options)), driver


def failed(listing, job, explain=keys_only, seed=0):
    driver, found = Overtaking(listing.answer, seed), []
    reading = FailedFiles(ended(job, listing.files), explain)
    while not reading.is_over:
        found += driver.run(reading.next_batch())
    return found


def keys(files):
    return [f"media/{file.number}.mp4" for file in files]


def failed_keys(files):
    return keys(file for file in files if file.state == "Failed")


# --- what is saved


@pytest.mark.parametrize("job", KINDS, ids=["workflow", "job"])
@pytest.mark.parametrize(("size", "seconds"), [(10, 800), (20, 150), (7, 2_000), (20, 40)])
def test_a_long_list_is_read_side_by_side_with_few_requests_more(job, size, seconds):
    chance = random.Random(2)
    files = batch(sorted(chance.randrange(seconds) for _ in range(30 * 16 * size)), STATES)
    counts, driver = count(listing := Listing(files, size), job)
    assert told(counts) == truth(files)
    assert driver.most_in_flight == 16
    assert len(listing.requests) <= 1.2 * len(files) / size


@pytest.mark.parametrize("pages", [1, 2, 10, 24])
def test_a_short_list_is_read_in_order_without_a_request_more(pages):
    listing = Listing(batch(range(10 * pages)), 10)
    counts, _ = count(listing, WORKFLOW_JOB)
    assert counts.succeeded == 10 * pages
    assert len(listing.requests) == pages


def test_the_first_ten_reasons_cost_ten_requests():
    listing = Listing(batch(range(1_000), ["Failed"]), 100)
    reading = FailedFiles(ended(WORKFLOW_JOB, listing.files), with_reasons)
    found = Overtaking(listing.answer, 1).run(reading.next_batch())
    assert [failure.key for failure in found] == keys(listing.files[:10])
    assert [failure.message for failure in found] == [f"i{number}" for number in range(10)]
    assert (len(listing.explained), len(listing.requests)) == (10, 1)


def test_reasons_come_in_order_while_the_list_is_read():
    listing = Listing(batch(range(5_000), ["Failed", "Success"]), 20)
    found = failed(listing, WORKFLOW_JOB, with_reasons)
    assert [failure.key for failure in found] == failed_keys(listing.files)
    assert all(failure.message == failure.run_id for failure in found)


# --- the same as in order


@st.composite
def lists(draw, shapes=("even", "bursts", "one second", "few seconds")):
    chance = random.Random(draw(st.integers(0, 10_000)))
    number, shape = draw(st.integers(0, 2_000)), draw(st.sampled_from(shapes))
    length = {"even": 3_000, "bursts": 5_000, "one second": 1, "few seconds": 4}[shape]
    seconds = [chance.randrange(length) for _ in range(number)]
    if shape == "bursts":
        seconds = [at if chance.random() < 0.1 else 1_000 + at // 1_000 for at in seconds]
    return batch(sorted(seconds), STATES, chance)


def oddities(draw, files):
    """Make the list odd, but such that reading in order gives all files."""
    chance = random.Random(draw(st.integers(0, 10_000)))
    if draw(st.booleans()):
        for _ in range(draw(st.integers(1, 20))):
            chance.shuffle(files) if chance.random() < 0.1 else files.sort(key=lambda _file: chance.random() < 0.01)
    if files and draw(st.booleans()):
        chance.choice(files).created_at = None


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data(), lists(), st.sampled_from(KINDS), st.integers(1, 12), st.integers(0, 1_000))
def test_any_list_is_counted_and_listed_as_in_order(data, files, job, size, seed):
    oddities(data.draw, files)
    listing = Listing(
        files,
        size * 5,
        short=data.draw(st.booleans()),
        repeats_last_token=data.draw(st.booleans()),
        honours=data.draw(
            st.sampled_from(
                [("startCreationTime", "endCreationTime"), (), ("startCreationTime",), ("endCreationTime",)]
            )
        ),
        end_is_inclusive=data.draw(st.booleans()),
        fraction=data.draw(st.sampled_from([timedelta(0), timedelta(milliseconds=500)])),
        chance=random.Random(seed),
    )
    counts, _ = count(listing, job, seed)
    assert told(counts) == truth(files)
    times = [file.created_at for file in files if file.created_at]
    assert (counts.first_at, counts.last_at) == (min(times, default=None), max(times, default=None))
    found = failed(listing, job, seed=seed)
    assert Counter(found) == Counter(failed_keys(files))
    if times == sorted(times) and len(times) == len(files):
        assert found == failed_keys(files)


@settings(max_examples=100, deadline=None)
@given(lists(("even", "bursts", "few seconds")), st.sampled_from(KINDS), st.integers(1, 12), st.integers(0, 1_000))
def test_a_list_that_changes_meanwhile_has_each_file_once(files, job, size, seed):
    chance, at_first = random.Random(seed), len(files)
    before = [file.state for file in files]
    last = max((file.created_at for file in files), default=START)

    def change(listing):
        if chance.random() < 0.3:
            listing.files.append(File(len(listing.files), "Running", last + SECOND * chance.randrange(1, 60)))
            listing.files.sort(key=lambda file: file.created_at)
        for file in chance.sample(listing.files, min(3, len(listing.files))):
            file.state = chance.choice(STATES[:2]) if file.state == "Running" else file.state

    listing = Listing(list(files), size * 5, before_answer=change)
    counts, _ = count(listing, job, seed)
    assert at_first <= counts.total <= len(listing.files)
    settled = Counter(state for state in before if state != "Running")
    for state in ("Success", "Failed", "Cancel"):
        assert settled[state] <= told(counts)[state] <= truth(listing.files)[state]


@settings(max_examples=60, deadline=None)
@given(lists(), st.integers(1, 12), st.integers(0, 1_000), st.booleans())
def test_files_that_were_settled_before_are_not_read_again(files, size, seed, ignores_windows):
    listing = Listing(files, size * 5, honours=() if ignores_windows else ("startCreationTime", "endCreationTime"))
    counting = IncrementalCount(WORKFLOW_JOB)
    script = Script([listing.answer], forever=True)
    script.now += timedelta(days=2)
    while script.run(counting.read_page()) is None:
        pass
    settled = counting.settled
    listing.requests.clear()
    for file in files:
        file.state = "Success" if file.state == "Running" else file.state
    counts, _ = count(listing, WORKFLOW_JOB, seed, settled=settled)
    assert told(counts) == truth(files)
    if not ignores_windows and settled[0].until:
        assert all("startCreationTime" in request for request in listing.requests)


@pytest.mark.parametrize("answers", range(0, 60, 6))
def test_a_filter_that_is_ignored_later_loses_nothing(answers):
    files = batch(range(2_400), STATES)

    def forget(listing):
        if len(listing.requests) > answers:
            listing.honours = ()

    assert told(count(Listing(files, 20, before_answer=forget), WORKFLOW_JOB, answers)[0]) == truth(files)
    assert failed(Listing(files, 20, before_answer=forget), WORKFLOW_JOB, seed=answers) == failed_keys(files)


def test_a_list_without_an_end_of_its_job_is_read_in_order_where_the_time_is_not_known():
    listing = Listing(batch(range(2_000)), 10)
    counts = Overtaking(listing.answer, 1).run(count_files(WORKFLOW_JOB))
    assert counts.succeeded == 2_000


def test_the_counts_so_far_are_told():
    listing, told_counts = Listing(batch(range(3_000)), 10), []
    count(listing, WORKFLOW_JOB, observe=lambda running: told_counts.append(running.so_far.total))
    assert max(told_counts) == told_counts[-1] == 3_000, "less where a window is read again, as several"
    assert len(told_counts) > 10


def test_the_files_of_several_workflows_are_read_side_by_side():
    files = [File(n, "Success", START + SECOND * (n // 3), f"w{n % 3 + 1}") for n in range(3_000)]

    class ByWorkflow(Listing):
        def _found(self, query):
            return [file for file in super()._found(query) if file.workflow_id == query["workflowId"]]

    listing = ByWorkflow(files, 10)
    counts, driver = count(listing, replace(WORKFLOW_JOB, operation={"WorkflowIds": "w1,w2,w3"}))
    assert (counts.succeeded, driver.most_in_flight) == (3_000, 16)


def test_windows_share_no_second_and_leave_none_out():
    chance = random.Random(3)
    for _ in range(200):
        start, length = chance.choice([None, START]), timedelta(seconds=chance.randrange(1, 500))
        end = chance.choice([None, START + length])
        windows = Window(start, end).cut(START, START + length, timedelta(seconds=chance.random() * 30))
        for offset in range(-3, 510):
            moment = START + SECOND * offset
            holders = sum(window.contains(moment) for window in windows)
            assert holders == Window(start, end).contains(moment)


@pytest.mark.parametrize("refusal", [failure(429, "SlowDown"), failure(503, "SlowDown"), failure(503)])
def test_a_count_goes_on_when_the_service_refuses_for_minutes(refusal):
    listing = Listing(batch(range(2_000)), 10)

    def answer(request):
        is_refused = len(listing.requests) > 50 and driver.now < START + timedelta(minutes=10)
        return refusal if is_refused else listing.answer(request)

    driver = Overtaking(answer, 1)
    assert driver.run(count_files(ended(WORKFLOW_JOB, listing.files))).succeeded == 2_000


@pytest.mark.parametrize("answer", [failure(500, "InternalError"), failure(429, "SlowDown")])
def test_a_count_ends_with_the_error_of_a_service_that_does_not_recover(answer):
    driver = Overtaking(lambda _request: answer, 1)
    with pytest.raises(ApiError):
        driver.run(count_files(WORKFLOW_JOB))
    assert driver.now < START + timedelta(minutes=20)


# --- memory


def endless(number, size):
    """A list that is computed: ten files a second, and each 30th has failed."""

    class Computed(Listing):
        def answer(self, request):
            query = dict(request.query)
            numbers = range(number)
            if "startCreationTime" in query:
                numbers = numbers[self.at(query["startCreationTime"]) :]
            if "endCreationTime" in query:
                numbers = numbers[: self.at(query["endCreationTime"]) + 10 - numbers.start]
            if query.get("states"):
                numbers = range(-(-numbers.start // 30) * 30, numbers.stop, 30)
            begin = int(query.get("nextToken") or 0)
            self.files = [
                File(n, "Success" if n % 30 else "Failed", START + SECOND * (n // 10))
                for n in numbers[begin : begin + size]
            ]
            rest = str(begin + size) if len(numbers) > begin + size else ""
            page = super().answer(replace(request, query=()))
            return replace(page, body=page.body.replace(b"<NextToken></", f"<NextToken>{rest}</".encode()))

        def at(self, text):
            return max(0, round((self.datetime(text) - START).total_seconds())) * 10

        @staticmethod
        def datetime(text):
            return START.fromisoformat(text)

    job = replace(WORKFLOW_JOB, state=WORKFLOW_JOB.state.SUCCESS, end_time=START + SECOND * (number // 10))
    return Computed([], size), job


def peak_of(act):
    tracemalloc.start()
    act()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_a_count_needs_the_same_memory_for_any_number_of_files():
    def counting(number):
        listing, job = endless(number, 100)
        assert Overtaking(listing.answer, 1).run(count_files(job)).total == number

    counting(100)
    small, large = (peak_of(lambda number=number: counting(number)) for number in (5_000, 60_000))
    assert large < small + 4_000_000


@pytest.mark.slow
def test_a_list_of_failed_files_needs_the_same_memory_for_any_number():
    def listing_keys(number):
        listing, job = endless(number, 10)
        driver, reading, found = Overtaking(listing.answer, 1), FailedFiles(job, keys_only), 0
        while not reading.is_over:
            found += len(driver.run(reading.next_batch()))
        assert found == -(-number // 30)

    small, large = (peak_of(lambda number=number: listing_keys(number)) for number in (30_000, 300_000))
    assert large < small + 3_000_000
