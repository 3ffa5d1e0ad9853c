"""Cloud Infinite on this machine, with the files of a night in its bucket."""

from __future__ import annotations

import os

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from showcase.airflow_api import Interval

__all__ = ["new_emulator", "point_dags_to", "upload_media"]

RUN_SECONDS = 18.0

_FILES = {"media/news": 16, "media/sports": 14, "media/film": 10}
_BROKEN = ("media/news/news-07.mp4", "media/sports/sports-11.mp4", "media/film/film-03.mp4")


def new_emulator(run_seconds: float = RUN_SECONDS) -> Emulator:
    """Return an emulator with an empty bucket, not started."""
    return Emulator(objects=0, submitted_seconds=2.0, run_seconds=run_seconds, failing_keys=_BROKEN)


def point_dags_to(emulator: Emulator) -> None:
    """Set what the example DAGs and their hooks read from the environment, which later processes inherit."""
    for name in [name for name in os.environ if name.startswith("TENCENT_CI_") or name.lower().endswith("_proxy")]:
        del os.environ[name]  # meant for a real service, like its endpoint
    os.environ["AIRFLOW_CONN_TENCENT_CI_DEFAULT"] = emulator.connection_json()
    os.environ["TENCENT_CI_WORKFLOW_ID"] = WORKFLOW_ID
    os.environ["TENCENT_CI_POLL_SECONDS"] = "2"


def upload_media(emulator: Emulator, interval: Interval, more: int = 0) -> int:
    """
    Put media files into the bucket, spread over a data interval; return how many.

    :param more: further files, of which one in 33 will fail.
    """
    keys = [f"{folder}/{folder[6:]}-{n:02}.mp4" for folder, count in _FILES.items() for n in range(1, count + 1)]
    step = (interval.end - interval.start) / (len(keys) + 1)
    for number, key in enumerate(keys, start=1):
        emulator.add_objects(key, last_modified_at=interval.start + number * step)
    if more:
        # Created one after the other, as a large batch is: then its list can be read as windows.
        emulator.configure(files_created="at_turn", failing_every=33)
        emulator.add_objects(count=more, prefix="media/archive/", last_modified_at=interval.start + step)
    return len(keys) + more
