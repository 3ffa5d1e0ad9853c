"""The failed files of a batch job, as the next batch can take them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.api.file_records import FileFailure
from airflow_provider_tencent_ci.core.api.url_list import write_url_list
from airflow_provider_tencent_ci.outcome.failures_path import read_failures

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["InventoryJobFailures"]


class InventoryJobFailures:
    """
    The keys of failed files, each once and in order, without the reasons.

    A batch for them is submitted with ``url_file=failures.upload(hook, key)``. The operator does both with
    ``resubmit_rounds``.

    :param failures: files that failed, or their keys; they are read one by one. A file without a key in the service's
        answer cannot be submitted again; it is left out.
    """

    def __init__(self, failures: Iterable[FileFailure | str]) -> None:
        keys = (one if isinstance(one, str) else one.key for one in failures)
        self.keys = sorted({key for key in keys if key})

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys)

    @classmethod
    def of_job(cls, hook: TencentCIHook, job: InventoryJob) -> InventoryJobFailures:
        """
        Ask the service, a hundred files at a time.

        :param job: the job's record.
        :raises ApiError: the service does not tell.
        """
        return cls(hook.list_failed_keys(job))

    @classmethod
    def read(cls, path: str | ObjectStoragePath) -> InventoryJobFailures:
        """
        Read a list that an operator or sensor has written.

        :param path: its ``failures_path``, or ``FailureList`` of the record in XCom.
        """
        return cls(read_failures(path))

    def url_list(self, bucket: str, region: str, *, percent_encoded: bool = True) -> bytes:
        """
        Return the list for ``url_file``: one object URL on each line.

        :param percent_encoded: how the URLs are written; which way the service reads them is not documented.
        :raises InvalidArgumentError: it is longer than 64 MB, some 600,000 files.
        """
        return write_url_list(self.keys, bucket, region, percent_encoded=percent_encoded)

    def upload(self, hook: TencentCIHook, key: str, *, percent_encoded: bool = True) -> str:
        """
        Write the list into the bucket.

        :param key: where. The same files make the same bytes, so that a key which is the same in each try of a task
            keeps its next request, and so its submission, the same.
        :return: ``key``, for ``url_file``.
        """
        config = hook.config
        hook.put_object(key, self.url_list(config.bucket, config.region, percent_encoded=percent_encoded))
        return key
