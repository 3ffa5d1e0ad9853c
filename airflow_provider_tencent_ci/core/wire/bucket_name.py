"""The name and the region of a bucket: which texts are taken for one. The host of each request contains both."""

from __future__ import annotations

import re

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9]+")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]*")


def check_bucket(bucket: str | None) -> None:
    """
    Check the long name of a bucket.

    :raises InvalidArgumentError: it is missing or is not ``name-appid``.
    """
    if not bucket:
        raise InvalidArgumentError("bucket is missing: set it in the connection's extra or on the task.")
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
        raise InvalidArgumentError(
            f"bucket={bucket!r} is not the long name of a bucket, <name>-<APPID>, such as examplebucket-1250000000."
        )


def check_region(region: str | None) -> None:
    """
    Check the form of a region. There is no list of regions here, since the service adds regions.

    :raises InvalidArgumentError: it is missing or has other characters.
    """
    if not region:
        raise InvalidArgumentError("region is missing: set it in the connection's extra or on the task.")
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise InvalidArgumentError(f"region={region!r} is not a region, such as ap-beijing.")
