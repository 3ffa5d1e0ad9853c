"""
The list of a batch's failed files, in JSON Lines, in any storage that Airflow can write to.

Each line is an object with ``key``, ``node``, ``code``, ``message`` and ``run_id``: ``FileFailure`` of
``core/api/file_records.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.core.api.file_records import FileFailure
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    # Imported late: it is slow to import, and few tasks write a list.
    from airflow.providers.common.compat.sdk import ObjectStoragePath

__all__ = ["check_failures_path", "failures_file", "read_failures", "write_failures"]

# An absolute path of this machine. Airflow's object storage gets all others: for the first one of a process it imports
# the storage of every installed provider.
_LOCAL = re.compile("(?:(?P<scheme>file|local):(?://)?)?(?P<path>/(?!/).*)", re.DOTALL)

# The package, with its extra, that each usual storage of Airflow needs (its documentation, Object Storage).
_PROVIDERS = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
}

# Documented by COS ("Using the AWS S3 SDK to Access COS"); not tried against the real service.
_COS_BY_S3 = (
    "Airflow has no storage for cos://. COS also has the API of S3: write s3://<connection>@<bucket>/<folder>/, with "
    "an AWS connection whose extra has the endpoint_url https://cos.<region>.myqcloud.com."
)

_LOCAL_SCHEMES = ("", "file", "local")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """
    A file or folder of this machine, with the methods of ``ObjectStoragePath`` that are used here.

    :param path: its absolute path.
    :param scheme: ``file`` or ``local`` if it was given as a URL; else empty.
    """

    path: Path
    scheme: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}" if self.scheme else str(self.path)

    def __truediv__(self, name: str) -> LocalFile:
        return LocalFile(self.path / name, self.scheme)

    @property
    def protocol(self) -> str:
        """The scheme."""
        return self.scheme

    @property
    def parent(self) -> Path:
        """The folder that it is in."""
        return self.path.parent

    def is_dir(self) -> bool:
        """Whether it is a folder that exists."""
        return self.path.is_dir()

    def open(self, mode: str, encoding: str) -> Any:
        """Open the file."""
        return self.path.open(mode, encoding=encoding)


def check_failures_path(path: str | ObjectStoragePath | None) -> None:
    """
    Check a place to write to, as far as possible without writing.

    :raises InvalidArgumentError: it is no path that Airflow's object storage knows.
    """
    if not path:
        return
    try:
        place = _storage_path(path)
        _ = isinstance(place, LocalFile) or place.fs  # without a provider for it, or its packages, there is none
    except Exception as error:
        text = f"failures_path={path!r} cannot be written to: {error}. {_missing_provider(str(path))}"
        raise InvalidArgumentError(text.rstrip()) from error


def _missing_provider(path: str) -> str:
    """Return the advice to install the provider of a storage that is not there; empty for an unknown storage."""
    if path.startswith("cos://"):
        return _COS_BY_S3
    package = _PROVIDERS.get(path.partition("://")[0], "")
    try:
        if package:
            version(package.partition("[")[0])
    except PackageNotFoundError:
        return f"Install {package}, which has this storage."
    return ""


def failures_file(path: str | ObjectStoragePath, job_id: str) -> LocalFile | ObjectStoragePath:
    """Return the file: ``path`` itself, or one named after the job in it if it ends in a slash or is a local folder."""
    given = _storage_path(path)
    # An ObjectStoragePath drops the slash at its end.
    is_folder = str(path).endswith("/") or (given.protocol in _LOCAL_SCHEMES and given.is_dir())
    return given / f"{job_id}.jsonl" if is_folder else given


def write_failures(
    path: LocalFile | ObjectStoragePath, failures: Iterable[FileFailure], *, keep: int
) -> list[FileFailure]:
    """
    Write failed files one by one, however many there are; what was there is replaced.

    :param keep: how many of the first ones to return.
    """
    first: list[FileFailure] = []
    if path.protocol in _LOCAL_SCHEMES:
        path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for failure in failures:
            file.write(json.dumps(failure.to_dict(), ensure_ascii=False) + "\n")
            if len(first) < keep:
                first.append(failure)
    return first


def read_failures(path: str | ObjectStoragePath) -> Iterable[FileFailure]:
    """Read such a list, one by one."""
    with _storage_path(path).open("r", encoding="utf-8") as file:
        for line in iter(file.readline, ""):  # Airflow 2.11's file cannot be iterated over
            if line.strip():
                record: dict[str, Any] = json.loads(line)
                yield FileFailure(**{name: str(record.get(name, "")) for name in FileFailure.__dataclass_fields__})


def _storage_path(path: str | ObjectStoragePath) -> LocalFile | ObjectStoragePath:
    if found := _LOCAL.fullmatch(str(path)):
        return LocalFile(Path(found["path"]), found["scheme"] or "")
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(str(path))
