"""The scheme cos:// as Airflow itself applies it."""

from __future__ import annotations

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.assets import Asset
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.assets.cos import create_asset

BUCKET = "examplebucket-1250000000"


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        (f"cos://{BUCKET}/media/film", f"cos://{BUCKET}/media/film"),
        (f"COS://{BUCKET}/media/film/", f"cos://{BUCKET}/media/film"),
        (f"cos://{BUCKET.upper()}/Media", f"cos://{BUCKET}/Media"),
        (f"cos://{BUCKET}.cos.ap-beijing.myqcloud.com/media", f"cos://{BUCKET}/media"),
        (f"cos://{BUCKET}", f"cos://{BUCKET}/"),
        (f"cos://{BUCKET}/", f"cos://{BUCKET}/"),
        (f"cos://{BUCKET}/a b%20c", f"cos://{BUCKET}/a%20b%20c"),
        (f"cos://{BUCKET}/%E5%A4%9C/%3f", f"cos://{BUCKET}/%E5%A4%9C/%3F"),
        (f"cos://{BUCKET}/date=2026-01-01/a+b,c", f"cos://{BUCKET}/date=2026-01-01/a+b,c"),
        (f"cos://{BUCKET}/a//b", f"cos://{BUCKET}/a//b"),
        (f"cos://{BUCKET}/a#part", f"cos://{BUCKET}/a"),
    ],
)
def test_a_uri_is_normalised(written, normal):
    assert Asset(written).uri == normal


@pytest.mark.skipif(airflow_version < "3.1", reason="Airflow accepts more than ASCII from 3.1 on")
def test_a_key_in_chinese_is_encoded():
    assert Asset(f"cos://{BUCKET}/夜").uri == f"cos://{BUCKET}/%E5%A4%9C"


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("cos:///media", "must name a bucket"),
        (f"cos://{BUCKET}:443/media", "only a bucket"),
        (f"cos://{BUCKET}/media?versionId=1", "write a question mark in a key as %3F"),
    ],
)
def test_an_invalid_uri_is_refused(uri, complaint):
    if airflow_version.startswith("2."):  # which only warns, unless [core] strict_dataset_uri_validation is set
        with pytest.warns(UserWarning, match=complaint):
            Asset(uri)
    else:
        with pytest.raises(ValueError, match=complaint):
            Asset(uri)


@pytest.mark.parametrize(
    ("key", "uri"),
    [
        ("media/film/", f"cos://{BUCKET}/media/film"),
        ("", f"cos://{BUCKET}/"),
        ("夜/a b?c#d%20.mp4", f"cos://{BUCKET}/%E5%A4%9C/a%20b%3Fc%23d%2520.mp4"),
    ],
)
def test_an_asset_is_made_from_a_bucket_and_a_key(key, uri):
    asset = create_asset(bucket=BUCKET, key=key, extra={"team": "film"})
    assert (asset.uri, asset.extra) == (uri, {"team": "film"})


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_a_normalised_uri_does_not_change_and_names_the_asset(key):
    asset = create_asset(bucket=BUCKET, key=key)
    assert Asset(asset.uri).uri == asset.uri
    assert getattr(asset, "name", asset.uri) == asset.uri


@pytest.mark.skipif(airflow_version.startswith("2."), reason="Airflow 2.11 does not normalise a URI")
def test_airflow_supports_the_cos_scheme():
    assert Asset(f"cos://{BUCKET}/a").normalized_uri == f"cos://{BUCKET}/a"
    assert Asset(f"cosn://{BUCKET}/a").normalized_uri is None
