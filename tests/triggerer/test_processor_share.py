"""A share of a loop's time: simulated with flows whose answers take time to read."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.wire.flow_steps import run_concurrently, run_in_turn, send
from airflow_provider_tencent_ci.core.wire.messages import Request, RunConcurrently, Sleep
from airflow_provider_tencent_ci.exceptions import TransportError
from airflow_provider_tencent_ci.triggerer.processor_share import ProcessorShare, within_share
from tests.core.script import LOST, Script, respond

GET = Request("GET", "/")
costs = st.lists(st.lists(st.floats(0, 0.05), min_size=1, max_size=20), min_size=1, max_size=8)


class Loop:
    """An event loop in virtual time: sleeping flows, and requests that are answered after ``latency``."""

    def __init__(self, latency):
        self.now, self.latency = 0.0, latency
        self.reads = []

    def reading(self, costs):
        for cost in costs:
            yield from send(GET)
            self.reads.append((self.now, cost))
            self.now += cost

    def run(self, flows):
        waiting = [(0.0, number, flow) for number, flow in enumerate(flows)]
        answers = dict.fromkeys(range(len(waiting)))
        while waiting:
            at, number, flow = heapq.heappop(waiting)
            self.now = max(self.now, at)
            try:
                step = flow.send(answers[number])
            except StopIteration:
                continue
            pause = step.seconds if isinstance(step, Sleep) else self.latency
            answers[number] = None if isinstance(step, Sleep) else respond()
            heapq.heappush(waiting, (self.now + pause, number, flow))


@given(costs, st.sampled_from([0.25, 0.5, 1]), st.floats(0, 0.1))
def test_all_flows_together_take_no_more_than_their_share(costs, part, latency):
    loop = Loop(latency)
    share = ProcessorShare(part, lambda: loop.now)
    loop.run([within_share(loop.reading(one), share) for one in costs])
    assert len(loop.reads) == sum(map(len, costs)), "every answer is read"
    longest = max(max(one) for one in costs)
    spent = sum(cost for _, cost in loop.reads)
    # Turns that were given away before the first answer had been read are paid for later.
    assert spent <= part * loop.now + (len(costs) + 1) * longest + 0.001


@given(costs)
def test_a_share_of_everything_delays_nothing_that_is_alone(costs):
    loop = Loop(latency=1)
    share = ProcessorShare(1, lambda: loop.now)
    [*_, last] = costs
    loop.run([within_share(loop.reading(last), share)])
    assert loop.now == pytest.approx(sum(last) + len(last))


def test_flows_that_run_side_by_side_share_too():
    loop = Loop(latency=0)

    class Source:
        def __init__(self):
            self.left, self.done = 3, 0

        def next_flow(self):
            self.left -= 1
            return loop.reading([0.01]) if self.left >= 0 else None

        def finished(self, result):
            self.done += 1

    source = Source()
    flow = within_share(run_concurrently(source), ProcessorShare(0.25, lambda: loop.now))
    step = next(flow)
    assert isinstance(step, RunConcurrently)
    script = Script([respond()], forever=True)
    script.run(run_in_turn(step))
    assert source.done == 3
    assert sum(script.pauses) == pytest.approx(2 * 4 * 0.0105, rel=0.5)


def test_an_error_reaches_the_flow_and_its_result_comes_through():
    def flow():
        try:
            yield from send(GET)
        except TransportError:
            return (yield from send(GET)).status
        return None

    share = ProcessorShare(0.25, lambda: 0.0)
    assert Script([LOST, respond(status=204)]).run(within_share(flow(), share)) == 204
    with pytest.raises(TransportError):
        Script([LOST, LOST]).run(within_share(flow(), share))
