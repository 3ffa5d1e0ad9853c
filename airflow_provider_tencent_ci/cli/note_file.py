"""Notes of commands about their submissions, as files in Airflow's home folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from airflow_provider_tencent_ci.cli.exit_status import CommandError

__all__ = ["NoteFile"]


class NoteFile:
    """
    The notes about one batch job.

    :param job_id: the job.
    """

    def __init__(self, job_id: str) -> None:
        from airflow.configuration import AIRFLOW_HOME

        self._path = Path(AIRFLOW_HOME, "tencent-ci", f"{job_id}.json")

    def get(self, key: str) -> Any:
        """Return a note; ``None`` if there is none, or it cannot be read."""
        return self._read().get(key)

    def set(self, key: str, value: Any) -> None:
        """
        Keep a note.

        :raises CommandError: it cannot be written.
        """
        written = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(json.dumps({**self._read(), key: value}), "utf-8")
            written.replace(self._path)
        except OSError as error:
            raise CommandError(
                f"Nothing was submitted: the note about it cannot be written to {self._path} ({error.strerror})."
            ) from error

    def _read(self) -> dict[str, Any]:
        try:
            notes = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return notes if isinstance(notes, dict) else {}
