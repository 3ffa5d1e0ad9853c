"""A quick look at a batch's files: bounded, and with a sample that stays the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.core.counting import FileCounts
from airflow_provider_tencent_ci.core.jobs import InventoryJob, JobState
from airflow_provider_tencent_ci.core.survey import DoneBy, done_over_time, survey_files

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)
