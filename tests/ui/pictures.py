"""The pictures of README and docs, all made by these tests."""

from __future__ import annotations

__all__ = ["PICTURES"]

PICTURES = (
    "connection_form",
    "connection_form_extra",
    "connection_test_good",
    "connection_test_bad_key",
    "nightly_run",
    "console_link",
    "log",
    "rendered_templates",
    "xcom",
    "jobs",
    "jobs_zh_cn",
    "jobs_phone",
    "job",
    "job_cancel",
)
