"""
The flags of Airflow's sensors that say which failures do not fail the task, with one result in every mode of waiting.

Airflow's base class applies them in its loop of pokes, applies others to a task that resumes, and applies none to the
start of a task (docs/airflow.md, 6). ``docs/sensor.md`` has the table of results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from airflow_provider_tencent_ci.compat.airflow_names import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow_provider_tencent_ci.exceptions import NoFilesError

__all__ = ["FailureFlags"]


@dataclass(frozen=True, slots=True)
class FailureFlags:
    """
    The flags of one sensor.

    :param soft_fail: skip the task after a timeout, and if the job did not end well.
    :param never_fail: skip the task after each failure.
    :param silent_fail: wait on after a failure after which another poll may help. The base class does so in its own
        loop: set this only for a task that is deferred.
    """

    soft_fail: bool
    never_fail: bool
    silent_fail: bool

    def apply(self, act: Callable[[], Any], wait_on: Callable[[Exception], None], warn: Callable[[str], object]) -> Any:
        """
        Return what ``act`` returns; skip the task instead of failing it if a flag says so.

        :param wait_on: with ``silent_fail`` called with a failure after which another poll may help. It defers the task
            again, or returns, and then the failure counts.
        :param warn: called with the reason of a skip, since Airflow logs only that the task is skipped.
        """
        try:
            return self._skip_or_fail(act, wait_on)
        except AirflowSkipException as skip:
            # Also of the base class's own loop. A job without files has been warned of already.
            flags = [name for name in ("soft_fail", "never_fail") if getattr(self, name)]
            if flags and skip.__cause__ is not None and not isinstance(skip.__cause__, NoFilesError):
                warn(f"The task is skipped and does not fail, since {' and '.join(flags)} is set: {skip.__cause__}")
            raise

    def _skip_or_fail(self, act: Callable[[], Any], wait_on: Callable[[Exception], None]) -> Any:
        try:
            return self._act(act, wait_on)
        except (AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout) as error:
            if self.soft_fail:
                _skip("soft_fail", error)
            self._end(error)
        except (AirflowRescheduleException, AirflowSkipException):
            raise
        except Exception as error:
            self._end(error)

    def _act(self, act: Callable[[], Any], wait_on: Callable[[Exception], None]) -> Any:
        try:
            return act()
        except (AirflowFailException, AirflowSensorTimeout, AirflowRescheduleException, AirflowSkipException):
            raise
        except Exception as error:
            if self.silent_fail:
                wait_on(error)
            raise

    def _end(self, error: BaseException) -> NoReturn:
        if self.never_fail:
            _skip("never_fail", error)
        raise error


def _skip(flag: str, error: BaseException) -> NoReturn:
    raise AirflowSkipException(f"Skipped, since {flag} is set: {error}") from error
