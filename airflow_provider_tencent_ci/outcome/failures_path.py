"""
The list of a batch's failed files, in JSON Lines, in any storage that Airflow can write to.

Each line is an object with ``key``, ``node``, ``code``, ``message`` and ``run_id``: ``FileFailure`` of
``core/api/file_records.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.core.api.file_records import FileFailure
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    # Imported late: it is slow to import, and few tasks write a list.
    from airflow.providers.common.compat.sdk import ObjectStoragePath

__all__ = ["check_failures_path", "failures_file", "read_failures", "write_failures"]

_LOCAL = ("", "file", "local")


def check_failures_path(path: str | ObjectStoragePath | None) -> None:
    """
    Check a place to write to, as far as possible without writing.

    :raises InvalidArgumentError: it is no path that Airflow's object storage knows.
    """
    if not path:
        return
    try:
        _ = _storage_path(path).fs  # without a provider for it, or its packages, there is none
    except Exception as error:
        raise InvalidArgumentError(f"failures_path={path!r} cannot be written to: {error}") from error


def failures_file(path: str | ObjectStoragePath, job_id: str) -> ObjectStoragePath:
    """Return the file: ``path`` itself, or one named after the job in it if it ends in a slash or is a local folder."""
    given = _storage_path(path)
    # An ObjectStoragePath drops the slash at its end.
    is_folder = str(path).endswith("/") or (given.protocol in _LOCAL and given.is_dir())
    return given / f"{job_id}.jsonl" if is_folder else given


def write_failures(path: ObjectStoragePath, failures: Iterable[FileFailure], *, keep: int) -> list[FileFailure]:
    """
    Write failed files one by one, however many there are; what was there is replaced.

    :param keep: how many of the first ones to return.
    """
    first: list[FileFailure] = []
    if path.protocol in _LOCAL:
        path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:  # type: ignore[no-untyped-call]
        for failure in failures:
            file.write(json.dumps(failure.to_dict(), ensure_ascii=False) + "\n")
            if len(first) < keep:
                first.append(failure)
    return first


def read_failures(path: str | ObjectStoragePath) -> Iterable[FileFailure]:
    """Read such a list, one by one."""
    with _storage_path(path).open("r", encoding="utf-8") as file:  # type: ignore[no-untyped-call]
        for line in iter(file.readline, ""):  # Airflow 2.11's file cannot be iterated over
            if line.strip():
                record: dict[str, Any] = json.loads(line)
                yield FileFailure(**{name: str(record.get(name, "")) for name in FileFailure.__dataclass_fields__})


def _storage_path(path: str | ObjectStoragePath) -> ObjectStoragePath:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(str(path))
