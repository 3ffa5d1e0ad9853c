"""
Messages about a failed task and its batch job, as templates for any notifier.

.. code-block:: python

    on_failure_callback = send_slack_notification(text=JOB_FAILURE)

A template renders in each templated field of a notifier, also as a part of a longer text. Unknown facts are left out:
the message also works for a task of another provider, and for a job that was never submitted. It contains no secret.
"""

from __future__ import annotations

__all__ = ["JOB_FAILURE", "JOB_FAILURE_HTML", "JOB_FAILURE_MARKDOWN", "JOB_FAILURE_SUBJECT"]

# The context of a DAG's callbacks, and of callbacks for a task whose process has ended, has fewer entries than a task's
# own.
_KNOWN = """\
{% set ti_ = ti | default(none) -%}
{%- set task_ = task | default(none) -%}
{%- set error = exception | default(none) -%}
{%- set job = task_.job_facts(ti_, error) if task_.job_facts is defined else none -%}
{%- set where = [ti_.dag_id, ti_.task_id] | join(".") if ti_ else dag.dag_id if dag is defined else "unknown" -%}
{%- set index = ti_.map_index if ti_.map_index is defined else -1 -%}
{%- set where = where ~ "[" ~ index ~ "]" if index >= 0 else where -%}
{%- set name = ti_.rendered_map_index if ti_.rendered_map_index is defined else none -%}
{%- set where = where ~ " (" ~ name ~ ")" if name else where -%}
"""

_FACTS = (
    _KNOWN
    + """\
{%- set facts = [
    ("Run", run_id | default("")),
    ("Try", ti_.try_number if ti_.try_number is defined else ""),
    ("Error", job.error if job else (error or reason | default("") or "") | string),
] + ([
    ("Batch job", [job.job_id, job.name, job.state] | select | join(", ")),
    ("Reads", job.reads),
    ("Bucket", job.bucket),
    ("Connection", job.connection),
    ("Reason", [job.code, job.message] | select | join(": ")),
    ("Files", job.files),
    ("List of failed files", job.failure_list),
    ("Request id", job.request_id),
    ("What to do", job.advice),
    ("Console", job.console_url),
] if job else []) + [
    ("Log", ti_.log_url if ti_.log_url is defined else ""),
] -%}
"""
)

JOB_FAILURE_SUBJECT = _KNOWN + "{{ where }} failed{{ ': batch job ' ~ job.job_id if job and job.job_id }}"
"""One line: which task, and which job."""

JOB_FAILURE = (
    _FACTS + "Task {{ where }} failed{% for name, text in facts if text %}\n{{ name }}: {{ text }}{% endfor %}"
)
"""Plain text, a fact on each line."""

JOB_FAILURE_MARKDOWN = (
    _FACTS
    + "**Task {{ where }} failed**\n{% for name, text in facts if text %}\n"
    + "- {{ '[' ~ name ~ '](' ~ text ~ ')' if name in ('Console', 'Log') else "
    + "name ~ ': ' ~ text | string | replace('\\n', ' ') }}{% endfor %}"
)
"""Markdown as the robots of chat groups take it: bold, a list, links."""

JOB_FAILURE_HTML = "<pre>{% filter escape %}" + JOB_FAILURE + "{% endfilter %}</pre>"
"""For mail: the plain text, escaped."""
