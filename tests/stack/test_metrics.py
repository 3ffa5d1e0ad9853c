"""The processes of a running Airflow send their metrics: a task's own process, and the triggerer."""

from __future__ import annotations

import pytest

from tests.stack.runs import Run, wait_for

pytest.importorskip("statsd", reason="Airflow sends to StatsD with this package")


@pytest.fixture(autouse=True)
def one_triggerer(triggerers):
    triggerers.have(1)


class Since:
    """The values that come from now on: other tests have sent, too, and the tasks they stopped may still send."""

    def __init__(self, statsd):
        self._statsd, self._already = statsd, len(statsd.ours())

    def values(self, metric):
        new = self._statsd.ours()[self._already :]
        return [(*one.tags.values(), one.value) for one in new if one.metric == f"airflow.tencent_ci.{metric}"]


@pytest.mark.parametrize("mode", ["deferred", "blocking"])
def test_a_task_is_counted_by_the_processes_that_run_it(airflow, emulator, statsd, mode):
    since = Since(statsd)
    run = Run(airflow, emulator, f"stop_{mode}")
    wait_for(lambda: run.jobs, 120, lambda: run.states)
    [job] = run.jobs
    wait_for(lambda: since.values("submissions"), 60, lambda: since.values("requests"))
    if mode == "deferred":
        wait_for(lambda: since.values("waits"), 60, lambda: run.states)
        assert since.values("waits")[0][-1] == 1
    emulator.finish_job(job.job_id)
    wait_for(lambda: run.states == ["success"], 120, lambda: run.states)
    wait_for(lambda: since.values("files"), 60, lambda: since.values("requests"))
    assert since.values("submissions") == [("created", 1)]
    assert [ended for ended in since.values("waits_ended") if ended != ("cancelled", 1)] == [("success", 1)]
    [(delay,)] = since.values("job_end_delay")
    assert 0 <= delay < 600_000
    assert [waits for *_, waits in since.values("waits")][-1:] == ([0] if mode == "deferred" else [])
    assert {operation for operation, _, _ in since.values("requests")} >= {"create_job", "list_jobs", "list_executions"}
