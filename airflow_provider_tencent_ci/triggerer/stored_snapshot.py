"""The snapshot of a watched bucket that survives a restart of the triggerer."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from airflow_provider_tencent_ci.core.polling.ended_jobs import BucketSnapshot, JobCriteria

_log = logging.getLogger(__name__)

# Airflow usually stores an event within this time.
_SETTLING_SECONDS = 10.0

# Other jobs move the newest time on. The stored snapshot may lag behind by this much.
_MAX_STORED_AGE = timedelta(hours=6)


class StoredSnapshot:
    """
    The snapshot that survives a restart: in the state store of the asset (Airflow 3.3 and later), else nowhere.

    Airflow stores an event about one second after it was yielded, and does not tell when. If the triggerer ends in
    between, the event is lost. So the snapshot is saved some seconds after the event; after a crash in between, the
    jobs are reported again.

    :param store: the state store of the asset, or ``None``.
    :param key: the key of this watcher in the store.
    :param criteria: which jobs matter.
    :param interval_seconds: the longest time between two polls. The delay before a save is at most half of it.
    """

    def __init__(self, store: Any, key: str, criteria: JobCriteria, interval_seconds: float) -> None:
        self._store = store
        self._key = key
        self._criteria = criteria
        self._settling_seconds = min(_SETTLING_SECONDS, interval_seconds / 2)
        self._stored: BucketSnapshot | None = None

    async def load(self, *former_keys: str) -> BucketSnapshot | None:
        """
        Return the stored snapshot; ``None`` if there is none.

        :param former_keys: where an earlier release may have stored it.
        """
        for key in (self._key, *former_keys) if self._store is not None else ():
            if (snapshot := BucketSnapshot.from_dict(await self._store.aget(key))) is not None:
                return snapshot
        return None

    async def save(self, snapshot: BucketSnapshot, *, has_reported: bool) -> None:
        """
        Write a snapshot to the store, if it is worth writing. Never raises.

        :param has_reported: whether an event was yielded for it.
        """
        snapshot = snapshot.about(self._criteria)
        if self._store is None or not self._is_new(snapshot):
            return
        if has_reported:
            await asyncio.sleep(self._settling_seconds)
        try:
            await self._store.aset(self._key, snapshot.to_dict())
            self._stored = snapshot
        except Exception as error:
            _log.warning("Cannot store in Airflow which batch jobs were seen: %s", error)

    def _is_new(self, snapshot: BucketSnapshot) -> bool:
        """Whether the snapshot has other jobs than the stored one, or is much newer."""
        stored = self._stored
        return (
            stored is None
            or stored.active.keys() != snapshot.active.keys()
            or not snapshot.settled.keys() <= stored.settled.keys()
            or snapshot.newest_at - stored.newest_at > _MAX_STORED_AGE
        )
