"""The arguments of the operator that submits: stored and judged here, and handed on as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tencent_ci.compat.airflow_names import BaseOperator
from airflow_provider_tencent_ci.compat.run_dates import WithRunDates
from airflow_provider_tencent_ci.compat.task_context import default_deferrable
from airflow_provider_tencent_ci.compat.untemplated_texts import UntemplatedTexts
from airflow_provider_tencent_ci.submission.job_file import WithJobFile
from airflow_provider_tencent_ci.task_state.submission_xcom import NAME_FIELDS, REQUEST_FIELDS
from airflow_provider_tencent_ci.waiting.constructor_checks import (
    check_choice,
    check_count,
    check_fail_on,
    check_rounds,
    optional_seconds_of,
    path_text,
    seconds_of,
)
from airflow_provider_tencent_ci.waiting.waiting_task import WaitingTask

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath
    from airflow.sdk import XComArg
    from airflow.sdk.definitions.xcom_arg import PlainXComArg

    from airflow_provider_tencent_ci.submission.rounds import RoundOptions
    from airflow_provider_tencent_ci.submission.submitter import SubmitOptions

__all__ = ["JobArguments"]


class JobArguments(WaitingTask, WithJobFile, WithRunDates, UntemplatedTexts, BaseOperator):
    """
    A task with the arguments of ``TriggerInventoryJobOperator``, which documents them.

    Arguments that are no templates are judged in the constructor, so that a slip is an import error of the DAG.

    :raises InvalidArgumentError: an argument that is no template is wrong; the message names it.
    """

    template_fields: Sequence[str] = (
        "workflow_ids",
        "job",
        "prefix",
        "manifest",
        "url_file",
        "object_key",
        "start_time",
        "end_time",
        "name",
        "bucket",
        "region",
        "tencent_ci_conn_id",
        "failures_path",
        "url_list_prefix",
    )
    # A manifest's key ends in .json, and Airflow would try to read such a file. For job see submission/job_file.py.
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {"job": "json"}

    def __init__(
        self,
        *,
        workflow_ids: str | Sequence[str | XComArg] | XComArg | None = None,
        job: Mapping[str, Any] | str | ObjectStoragePath | XComArg | None = None,
        prefix: str | XComArg | None = None,
        manifest: str | XComArg | None = None,
        url_file: str | XComArg | None = None,
        object_key: str | XComArg | None = None,
        start_time: datetime | str | XComArg | None = None,
        end_time: datetime | str | XComArg | None = None,
        name: str | XComArg | None = None,
        bucket: str | XComArg | None = None,
        region: str | XComArg | None = None,
        tencent_ci_conn_id: str | XComArg = "tencent_ci_default",
        on_existing: str = "adopt",
        reconcile_timeout: float | timedelta = 300,
        wait_for_completion: bool = False,
        deferrable: bool = default_deferrable(),
        poll_interval: float | timedelta = 30,
        wait_timeout: float | timedelta | None = None,
        contact_timeout: float | timedelta = 600,
        max_active_jobs: int | None = None,
        validate: bool = False,
        cancel_on_kill: bool = True,
        count_files: bool = True,
        progress_interval: float | timedelta | None = 300,
        fail_on: str | float = "job",
        on_empty: str = "succeed",
        failures_path: str | ObjectStoragePath | XComArg | None = None,
        resubmit_rounds: int = 0,
        url_list_prefix: str | XComArg = ".airflow/tencent-ci/",
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Any: a template, or the result of another task, until Airflow renders it.
        self.workflow_ids: Any = workflow_ids
        self.job: Any = path_text(job)
        self.prefix: Any = prefix
        self.manifest: Any = manifest
        self.url_file: Any = url_file
        self.object_key: Any = object_key
        self.start_time: Any = start_time
        self.end_time: Any = end_time
        self.name: Any = name
        self.bucket: Any = bucket
        self.region: Any = region
        self.tencent_ci_conn_id: Any = tencent_ci_conn_id
        self.on_existing = check_choice("on_existing", on_existing, ("adopt", "submit", "fail"))
        self.reconcile_timeout = seconds_of("reconcile_timeout", reconcile_timeout)
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = seconds_of("poll_interval", poll_interval)
        self.wait_timeout = optional_seconds_of("wait_timeout", wait_timeout)
        self.contact_timeout = seconds_of("contact_timeout", contact_timeout)
        self.max_active_jobs = max_active_jobs
        if max_active_jobs is not None:
            check_count("max_active_jobs", max_active_jobs, at_least=1)
        self.validate = validate
        self.cancel_on_kill = cancel_on_kill
        self.count_files = count_files
        self.progress_interval = optional_seconds_of("progress_interval", progress_interval)
        self.fail_on = check_fail_on(fail_on)
        self.on_empty = check_choice("on_empty", on_empty, ("succeed", "skip", "fail"))
        self.failures_path: Any = path_text(failures_path)
        self.resubmit_rounds = check_count("resubmit_rounds", resubmit_rounds, at_least=0)
        self.url_list_prefix: Any = url_list_prefix
        self.end_from_trigger = end_from_trigger
        if resubmit_rounds:
            check_rounds(wait_for_completion=wait_for_completion, count_files=count_files, on_existing=on_existing)

    if TYPE_CHECKING:

        @property
        def output(self) -> PlainXComArg:
            """Airflow's own, with the type that has keys: ``output["job_id"]``."""

    def request(self) -> dict[str, Any]:
        """Return the arguments that make the request, and those that say where it goes, by name."""
        return {field: getattr(self, field) for field in (*REQUEST_FIELDS, *NAME_FIELDS)}

    @property
    def _readable_name(self) -> str:
        """The job's name without its token. A given name may have characters that the service does not take."""
        return self._given_name or self._default_name

    @property
    def _default_name(self) -> str:
        from airflow_provider_tencent_ci.core.api.job_name import mapped_name, readable_name

        name = f"{self.dag_id}-{self.task_id}"
        map_index = getattr(self._ti, "map_index", -1)
        return readable_name(name) if map_index < 0 else mapped_name(name, map_index, self._input)

    @property
    def _input(self) -> str:
        from airflow_provider_tencent_ci.core.wire.texts import without_query

        # The query of a URL may be a signature, which is not for names and messages.
        return without_query(str(self.prefix or self.manifest or self.url_file or self.object_key or ""))

    @property
    def _reads(self) -> str:
        from airflow_provider_tencent_ci.core.wire.texts import readable

        return readable(self._input, 200)

    @property
    def _former_name(self) -> str:
        """The name that an earlier release gave to all mapped tasks, if this task has another one now."""
        from airflow_provider_tencent_ci.core.submitting.former_job_name import former_readable

        is_mapped = getattr(self._ti, "map_index", -1) >= 0
        return former_readable(self.dag_id, self.task_id, is_mapped=is_mapped, given_name=self._given_name)

    @property
    def _given_name(self) -> str | None:
        # Imported late, here and below: a DAG file must parse fast, and each parse pays for all imports at the top.
        from airflow_provider_tencent_ci.core.wire.texts import text_argument

        return text_argument("name", self.name) if self.name else None

    def _submit_options(self) -> SubmitOptions:
        from airflow_provider_tencent_ci.submission.submitter import SubmitOptions

        return SubmitOptions(
            name=self._readable_name,
            former_name=self._former_name,
            on_existing=self.on_existing,
            reconcile_timeout=self.reconcile_timeout,
            max_active_jobs=self.max_active_jobs,
            validate=self.validate,
        )

    def _round_options(self) -> RoundOptions:
        from airflow_provider_tencent_ci.submission.rounds import RoundOptions

        return RoundOptions(self.resubmit_rounds, self.url_list_prefix)
