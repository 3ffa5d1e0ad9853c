"""The triggerers of the running Airflow, each known by the id that the database has for it."""

from __future__ import annotations

from tests.stack.runs import wait_for

__all__ = ["Triggerers"]

_IDS = "SELECT id FROM job WHERE job_type = 'TriggererJob' ORDER BY id"
_HELD = 'SELECT triggerer_id, count(*) FROM "trigger" GROUP BY triggerer_id'


class Triggerers:
    """Starts and ends triggerers, and counts the triggers of each one."""

    def __init__(self, airflow, database):
        self._airflow, self._database = airflow, database
        self._running = dict(zip(self._ids(), airflow.triggerers, strict=True))

    def have(self, number):
        """Start or stop triggerers until this number runs."""
        for _ in range(len(self._running), number):
            before = self._ids()
            component = self._airflow.start_triggerer()
            wait_for(lambda before=before: self._ids() != before, 120, lambda: "the triggerer has not started")
            self._running[self._ids()[-1]] = component
        for triggerer_id in list(self._running)[number:]:
            self.end(triggerer_id)

    @property
    def running(self):
        """The running triggerers, by their ids."""
        return dict(self._running)

    @property
    def busiest(self):
        """The id of the one that runs the most triggers."""
        return max(self._running, key=self.load)

    def load(self, triggerer_id):
        """The number of triggers of one triggerer; for ``None``, of those without a triggerer."""
        return dict(self._database.query(_HELD)).get(triggerer_id, 0)

    def signal(self, triggerer_id, number):
        """Send a signal to one triggerer and its child processes."""
        self._running[triggerer_id].signal(number)

    def wait_for_end(self, triggerer_id):
        """Wait until one has ended by itself."""
        process = self._running[triggerer_id].process
        wait_for(lambda: process.poll() is not None, 60, lambda: "the triggerer goes on")

    def end(self, triggerer_id):
        """Stop one, if it has not ended yet."""
        self._airflow.give_up(self._running.pop(triggerer_id))

    def _ids(self):
        return [triggerer_id for [triggerer_id] in self._database.query(_IDS)]
