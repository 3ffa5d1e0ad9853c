"""One run of the DAG, in which a worker and a triggerer are killed halfway, and its data for the tests."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime

from tests.cluster.dags import DAG_ID, TASK_ID
from tests.cluster.figures import Growth, usage_of
from tests.stack.runs import Run

__all__ = ["Night"]

_LOOK_SECONDS = 2.0
_SAY_SECONDS = 20.0
_SETTLE_SECONDS = 1.0

_RUN = "SELECT state, start_date, end_date FROM dag_run WHERE dag_id = %s AND run_id = %s"
_OF_THE_RUN = f"dag_id = '{DAG_ID}' AND task_id = '{TASK_ID}' AND run_id = %s"
# S608: these are made of the constants above only.
_STATES = f"SELECT state, count(*) FROM task_instance WHERE {_OF_THE_RUN} GROUP BY state"  # noqa: S608
_RUNNING = f"SELECT map_index, pid FROM task_instance WHERE {_OF_THE_RUN} AND state = 'running'"  # noqa: S608
_TRIES = f"SELECT map_index, try_number FROM task_instance WHERE {_OF_THE_RUN}"  # noqa: S608
_SECOND_TRIES = f"""
    SELECT map_index, min(start_date) FROM (
        SELECT map_index, start_date FROM task_instance WHERE {_OF_THE_RUN} AND try_number > 1
        UNION ALL
        SELECT map_index, start_date FROM task_instance_history WHERE {_OF_THE_RUN} AND try_number > 1
    ) AS tries WHERE start_date IS NOT NULL GROUP BY map_index
"""  # noqa: S608
_XCOMS = f"SELECT map_index, value #>> '{{}}' FROM xcom WHERE {_OF_THE_RUN} AND key = %s"  # noqa: S608


class Night:
    """
    The run, and the two kills.

    :param jobs: the number of expected batch jobs.
    """

    def __init__(self, cluster, emulator, database, triggerers, jobs):
        self.jobs_wanted = jobs
        self.growth = {triggerer_id: Growth() for triggerer_id in triggerers.running}
        self.usage = {}  # by moment and component
        self.struck_tasks, self.struck_waits = [], 0
        self.struck_at = self.waits_moved_at = None
        self.parts_before = 0  # of tasks, each of which has two: submit and end
        self._cluster, self._emulator, self._database, self._triggerers = cluster, emulator, database, triggerers
        self._dead_triggerer = None
        self._said_at = 0.0

    def pass_by(self):
        """Run the night."""
        self._measure("before the run")
        self._run = Run(self._cluster, self._emulator, DAG_ID, jobs=self.jobs_wanted)
        self._follow(lambda: len(self.jobs) >= self.jobs_wanted // 2)
        self._measure("half-way")
        self.parts_before = len(self.jobs) + self.task_states.get("success", 0)
        self._kill_worker()
        self._kill_triggerer()
        self._follow(lambda: self.state in ("success", "failed"))
        self._measure("after the run")

    @property
    def jobs(self):
        """The run's batch jobs, the oldest one first."""
        return self._run.jobs

    @property
    def state(self):
        """The state of the DAG run."""
        return self._database.query(_RUN, DAG_ID, self._run.run_id)[0][0]

    @property
    def began_at(self):
        """When the DAG run began."""
        return self._database.query(_RUN, DAG_ID, self._run.run_id)[0][1]

    @property
    def ended_at(self):
        """When the DAG run ended."""
        return self._database.query(_RUN, DAG_ID, self._run.run_id)[0][2]

    @property
    def task_states(self):
        """The number of mapped tasks in each state."""
        return dict(self._ask(_STATES))

    @property
    def tries(self):
        """The number of started tries of each mapped task."""
        return dict(self._ask(_TRIES))

    @property
    def second_tries(self):
        """When the second try of a mapped task started, for those that had one."""
        return dict(self._database.query(_SECOND_TRIES, self._run.run_id, self._run.run_id))

    def pushed(self, key):
        """The XComs of the mapped tasks, by their index."""
        return dict(self._ask(_XCOMS, key))

    def times_said(self, text):
        """How often the logs of the tasks contain ``text``."""
        return self._run.times_said(text)

    def _follow(self, reached):
        """Wait until ``reached()``, and sample all components meanwhile."""
        ends_at = time.monotonic() + 600 + 10 * self.jobs_wanted
        while not reached():
            assert time.monotonic() < ends_at, f"{len(self.jobs)} jobs, tasks {self.task_states}"
            self._cluster.check()
            self._look_at_triggerers()
            self._say_how_it_stands()
            time.sleep(_LOOK_SECONDS)

    def _look_at_triggerers(self):
        for triggerer_id, component in self._triggerers.running.items():
            waits = self._triggerers.load(triggerer_id)
            self.growth[triggerer_id].add(waits, usage_of(component).memory_mb)
        if self._dead_triggerer and not self.waits_moved_at and not self._triggerers.load(self._dead_triggerer):
            self.waits_moved_at = datetime.now(UTC)

    def _say_how_it_stands(self):
        if time.monotonic() < self._said_at + _SAY_SECONDS:
            return
        self._said_at = time.monotonic()
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.task_states.items(), key=str))
        print(f"{datetime.now(UTC):%H:%M:%S}  {len(self.jobs)} of {self.jobs_wanted} jobs; tasks: {states}", flush=True)

    def _measure(self, moment):
        self.usage[moment] = {name: usage_of(component) for name, component in self._cluster.components.items()}

    def _kill_worker(self):
        """Kill the one with more work, and all tasks that it runs."""
        worker = max(self._cluster.workers, key=lambda worker: len(self._tasks_of(worker)))
        self._follow(lambda: self._stand_still_with_tasks(worker))
        self.struck_at = datetime.now(UTC)
        worker.signal(signal.SIGKILL)
        worker.process.wait(30)
        self._cluster.give_up(worker)
        print(f"killed {worker.log.stem} with {len(self.struck_tasks)} tasks", flush=True)

    def _stand_still_with_tasks(self, worker):
        """Pause it; resume it if it has no task now. After a second, its earlier messages have arrived."""
        worker.signal(signal.SIGSTOP)
        time.sleep(_SETTLE_SECONDS)
        self.struck_tasks = self._tasks_of(worker)
        if not self.struck_tasks:
            worker.signal(signal.SIGCONT)
        return bool(self.struck_tasks)

    def _tasks_of(self, worker):
        """Return the indexes of the mapped tasks that run in a worker."""
        pids = set(worker.pids())
        return [map_index for map_index, pid in self._ask(_RUNNING) if pid in pids]

    def _kill_triggerer(self):
        self._dead_triggerer = self._triggerers.busiest
        self.struck_waits = self._triggerers.load(self._dead_triggerer)
        self._triggerers.signal(self._dead_triggerer, signal.SIGKILL)
        self._triggerers.wait_for_end(self._dead_triggerer)
        self._triggerers.end(self._dead_triggerer)
        print(f"killed triggerer {self._dead_triggerer} with {self.struck_waits} waits", flush=True)

    def _ask(self, sql, *values):
        return self._database.query(sql, self._run.run_id, *values)
