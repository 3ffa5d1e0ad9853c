"""Telling Airflow's assets that a batch job has ended, also one of another program."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import permutations
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.airflow_names import BaseEventTrigger, TriggerEvent
from airflow_provider_tencent_ci.compat.triggerer_features import watched_asset_store
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.triggerer.preload import preload_client
from airflow_provider_tencent_ci.waiting.constructor_checks import check_text, optional_text, seconds_of

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.core.polling.ended_jobs import DetectedJobs, JobCriteria
    from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
    from airflow_provider_tencent_ci.triggerer.stored_snapshot import StoredSnapshot

__all__ = ["InventoryJobEventTrigger"]

EVENT_VERSION = 1

# The nodes of Operation in an event; the parameters of a job can be too long.
_OPERATION = ("WorkflowIds", "Tag")


class InventoryJobEventTrigger(BaseEventTrigger):
    """
    Watch a bucket, and yield one event for all batch jobs that have ended since the last poll.

    It is for an ``AssetWatcher`` (Airflow 3.0 and later). It sees all batch jobs of the bucket, submitted by Airflow or
    not, and ends with its asset. On Airflow 3.3 and later, all watchers of the same bucket with the same
    ``tencent_ci_conn_id``, ``bucket``, ``region``, ``poll_interval`` and ``look_back`` share one poll in a triggerer;
    their other arguments may differ. Before 3.3 each has its own poll. ``docs/events.md`` describes what is stored over
    a restart of the triggerer.

    The event is ``{"version": 1, "bucket": ..., "region": ..., "jobs": [{...}, ...]}``; the jobs have the names of the
    service, of ``Operation`` only the workflows or the tag. ``job`` is the first one, as events had it before there
    were ``jobs``; the next release removes it.

    The arguments are not templated. The constructor refuses nothing, since an exception in it would end the whole
    triggerer. ``serialize`` refuses wrong arguments: Airflow calls it while it parses the DAG file, so that the author
    sees an import error.

    :param name: a pattern as in a shell for the job's name (``nightly-*``); the names that this package's operator
        gives end in a token, ``<readable>-<token>``. By default every name.
    :param states: the states to report, one or several: ``Success``, ``Failed``, ``Cancel``; by default all three.
    :param job_type: only ``Workflow`` or only ``Job``.
    :param workflow_id: only jobs with this workflow.
    :param tencent_ci_conn_id: a connection of type ``tencent_ci``.
    :param bucket: the bucket's long name; by default the connection's.
    :param region: its region; by default the connection's.
    :param poll_interval: seconds (or a timedelta) between two polls, less a random part of up to half of them. With
        the default, 60, this is one or two short lists in a minute.
    :param look_back: seconds (or a timedelta); jobs that were created earlier are not watched any more. The default is
        seven days.
    :param catch_up: seconds (or a timedelta). A watcher without a stored state first reports the jobs that ended in
        this time before its start, by ``EndTime``, although an earlier watcher may have reported them. The default, 0,
        reports none.
    """

    def __init__(
        self,
        name: str = "*",
        states: str | Iterable[str] | None = None,
        job_type: str | None = None,
        workflow_id: str | None = None,
        tencent_ci_conn_id: str = "tencent_ci_default",
        bucket: str | None = None,
        region: str | None = None,
        poll_interval: float | timedelta = 60,
        look_back: float | timedelta = 7 * 86400,
        catch_up: float | timedelta = 0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.name = name
        self.states = _listed(states)
        self.job_type = job_type
        self.workflow_id = workflow_id
        self.tencent_ci_conn_id = tencent_ci_conn_id
        self.bucket = bucket
        self.region = region
        self.poll_interval = _seconds(poll_interval)
        self.look_back = _seconds(look_back)
        self.catch_up = _seconds(catch_up)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Return the class path and the arguments, all of them JSON values.

        :raises InvalidArgumentError: an argument is wrong; the message names it.
        """
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "name": check_text("name", self.name),
                "states": _checked_states(self.states),
                "job_type": optional_text("job_type", self.job_type),
                "workflow_id": optional_text("workflow_id", self.workflow_id),
                "tencent_ci_conn_id": check_text("tencent_ci_conn_id", self.tencent_ci_conn_id),
                "bucket": optional_text("bucket", self.bucket),
                "region": optional_text("region", self.region),
                "poll_interval": seconds_of("poll_interval", self.poll_interval),
                "look_back": seconds_of("look_back", self.look_back),
                "catch_up": 0.0 if self.catch_up == 0 else seconds_of("catch_up", self.catch_up),
            },
        )

    def shared_stream_key(self) -> Hashable | None:
        """Return what all who share a poll have in common."""
        return (
            "tencent_ci",
            self.tencent_ci_conn_id,
            self.bucket,
            self.region,
            self.poll_interval,
            self.look_back,
        )

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        """Poll without end, for all triggers that share this stream; yield each result."""
        await preload_client()
        from airflow_provider_tencent_ci.triggerer.bucket_watcher import watch_bucket

        trigger = cls(**kwargs)
        async for look in watch_bucket(trigger._read_config, trigger.poll_interval, trigger._looks_back):
            yield look

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Yield one event for the jobs of a poll that meet the criteria; report each job once."""
        await preload_client()
        from airflow_provider_tencent_ci.triggerer.bucket_watcher import ReportFilter
        from airflow_provider_tencent_ci.triggerer.stored_snapshot import StoredSnapshot

        criteria = self._criteria
        reports = ReportFilter(criteria)
        stored = StoredSnapshot(watched_asset_store(self), self._store_key, criteria, self.poll_interval)
        place: dict[str, str] = {}
        async for look in shared_stream:
            ended = look.ended
            if not place:
                place = await self._place()
                # After the first look, not before: in between, jobs might end that neither would report.
                ended = (*await self._missed(stored), *ended)
            new = reports.new(ended)
            for job in new:
                self.log.info("Batch job %s (%s) has ended: %s.", job.job_id, job.name, job.state.value)
            if new:
                # One event for all: of several events within moments, a run sees only the first (docs/airflow.md, 7).
                yield TriggerEvent(_payload(place, new))  # type: ignore[no-untyped-call]
            await stored.save(look.snapshot, has_reported=bool(new))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Do the same with a poll of its own: before Airflow 3.3, which cannot share one."""
        await preload_client()
        looks: AsyncIterator[DetectedJobs] = self.open_shared_stream(self.serialize()[1])
        async for event in self.filter_shared_stream(looks):
            yield event

    async def _missed(self, stored: StoredSnapshot) -> tuple[InventoryJob, ...]:
        """Return the jobs that ended while no watcher ran, as far as they are known."""
        from airflow_provider_tencent_ci.core.polling.ended_jobs import EndedJobsDetector, list_ended_within
        from airflow_provider_tencent_ci.triggerer.bucket_watcher import WatchBackoff, run_once

        patience = WatchBackoff(self.poll_interval)
        memory = await patience.until_done(lambda: stored.load(*self._former_store_keys))
        if memory is not None:
            look = await patience.until_done(
                lambda: run_once(self._read_config, EndedJobsDetector(self._looks_back, memory).poll())
            )
            return look.ended
        if not self.catch_up > 0:
            return ()
        catch_up = _span(self.catch_up)
        return await patience.until_done(
            lambda: run_once(self._read_config, list_ended_within(catch_up, self._looks_back))
        )

    async def _place(self) -> dict[str, str]:
        from airflow_provider_tencent_ci.triggerer.bucket_watcher import WatchBackoff

        config = await WatchBackoff(self.poll_interval).until_done(self._read_config)
        return {"bucket": config.bucket, "region": config.region}

    async def _read_config(self) -> ServiceConfig:
        from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

        return await TencentCIHook(self.tencent_ci_conn_id, bucket=self.bucket, region=self.region).read_config()

    @property
    def _criteria(self) -> JobCriteria:
        from airflow_provider_tencent_ci.core.api.job_records import ENDED_STATES
        from airflow_provider_tencent_ci.core.polling.ended_jobs import JobCriteria

        return JobCriteria(self.name, tuple(self.states or ENDED_STATES), self.job_type, self.workflow_id)

    @property
    def _looks_back(self) -> timedelta:
        return _span(self.look_back)

    @property
    def _store_key(self) -> str:
        """Tell what this watcher keeps from what others of the same asset keep."""
        return self._store_key_with(self.states)

    @property
    def _former_store_keys(self) -> Iterator[str]:
        """The keys of the release before, which took states as they were written. The next release removes this."""
        states = self.states or []
        written = [*states] if len(states) == 1 else [list(order) for order in permutations(states)]
        return map(self._store_key_with, written if states else [])

    def _store_key_with(self, states: Any) -> str:
        wanted = [self.name, states, self.job_type, self.workflow_id, self.tencent_ci_conn_id]
        text = json.dumps([*wanted, self.bucket, self.region], default=str)
        return f"tencent_ci.watch.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _checked_states(states: list[str] | None) -> list[str] | None:
    """
    Return the states in one order: the order of a set differs from process to process, and makes another trigger.

    :raises InvalidArgumentError: a job does not end so.
    """
    from airflow_provider_tencent_ci.core.api.job_records import ENDED_STATES

    if states is None:
        return None
    if not isinstance(states, list) or not states or any(state not in ENDED_STATES for state in states):
        raise InvalidArgumentError(f"states={states!r} must be one or several of {', '.join(ENDED_STATES)}.")
    return sorted(set(states))


def _listed(states: Any) -> Any:
    """Return one state or several as a list, and everything else as it is: ``serialize`` judges it."""
    if isinstance(states, str):
        return [states]
    return list(states) if isinstance(states, Iterable) else states


def _seconds(duration: Any) -> Any:
    """Return a timedelta in seconds, and everything else as it is: ``serialize`` judges it."""
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=min(seconds, timedelta.max.total_seconds() / 2))


def _payload(place: dict[str, str], jobs: Sequence[InventoryJob]) -> dict[str, Any]:
    records = [_record(job) for job in jobs]
    return {"version": EVENT_VERSION, **place, "jobs": records, "job": records[0]}


def _record(job: InventoryJob) -> dict[str, Any]:
    operation = {name: job.operation[name] for name in _OPERATION if name in job.operation}
    return {**job.to_dict(), "Operation": operation}
