"""Assets in COS: ``cos://bucket/key``, and their meaning for Airflow and OpenLineage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow_provider_tencent_ci.lineage.cos_places import CosPlace, bucket_of_host, encoded_key

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.assets import Asset
    from openlineage.client.event_v2 import Dataset

__all__ = ["convert_asset_to_openlineage", "create_asset", "sanitize_uri"]


def create_asset(*, bucket: str, key: str = "", extra: dict[str, Any] | None = None) -> Asset:
    """
    Return the asset of an object or a prefix, its name and URI in their normal form.

    :param bucket: the bucket's long name, ``<name>-<APPID>``.
    :param key: the key in COS, not percent-encoded; a prefix with or without its last slash; by default the whole
        bucket.
    :param extra: the extras of the asset itself; each event of it has its own extras.
    :raises ValueError: the bucket is missing.
    """
    from airflow.providers.common.compat.assets import Asset

    return Asset(CosPlace(bucket.lower(), key).uri, extra=extra)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Normalise a URI; Airflow has removed slashes at its end and any fragment.

    The bucket may be given as its COS address, too. The key is percent-encoded, whether or not parts of it were before.
    So it is ASCII, and one place has one URI.

    :raises ValueError: the bucket is missing, there is more than a bucket before the key, or a ``?`` is not written as
        ``%3F``.
    """
    bucket = bucket_of_host(uri.netloc) or uri.netloc.lower()
    if not bucket:
        raise ValueError("A cos:// URI must name a bucket: cos://examplebucket-1250000000/key.")
    if "@" in bucket or ":" in bucket:
        raise ValueError(f"A cos:// URI must name only a bucket before the key, not {bucket!r}.")
    if uri.query:
        raise ValueError("A cos:// URI has no query: write a question mark in a key as %3F.")
    return uri._replace(netloc=bucket, path=encoded_key(unquote(uri.path)))


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:
    """
    Return the dataset of an asset, the same that this package's tasks report.

    :param lineage_context: not used.
    """
    from airflow_provider_tencent_ci.lineage.openlineage import dataset_of

    return dataset_of(CosPlace.from_uri(asset.uri))
