"""The hook of Tencent Cloud Infinite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_tencent_ci.compat.airflow_names import BaseHook
from airflow_provider_tencent_ci.compat.connections import (
    get_connection_async,
    mask_secrets,
    mask_secrets_async,
)
from airflow_provider_tencent_ci.core.api import job_calls, workflows_and_queues
from airflow_provider_tencent_ci.core.api.file_lists import list_executions_page
from airflow_provider_tencent_ci.core.api.file_records import FileFailure
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, WorkflowExecution
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, check_filter, read_jobs
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.paginator import MAX_PAGE_SIZE, ItemT, Page, Paginator
from airflow_provider_tencent_ci.core.api.put_object import put_object
from airflow_provider_tencent_ci.core.api.query_parameters import check_states
from airflow_provider_tencent_ci.core.api.workflows_and_queues import Queue, Workflow
from airflow_provider_tencent_ci.core.files.failed_files_reader import FailedFiles, keys_only, with_reasons
from airflow_provider_tencent_ci.core.polling.cancel_job import cancel_and_confirm, describe_cancel
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.core.wire.texts import text_argument
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError, TencentCIError
from airflow_provider_tencent_ci.hooks.connection_config import place_of, read_connection, read_extra
from airflow_provider_tencent_ci.hooks.extra_names import describe_unknown_fields
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["TencentCIHook"]

ResultT = TypeVar("ResultT")

# A part of the five seconds that Airflow gives a killed task.
_STOP_SECONDS, _LONGEST_STOP_SECONDS = 3.0, 4.0

# Airflow kills the process five seconds after SIGTERM; the rest is for Python and the log.
_KILL_SECONDS = 4.7


class TencentCIHook(BaseHook):
    """
    Talk to the batch-job endpoints of Cloud Infinite for one bucket, and write objects into it.

    The connection is read at the first call, not in the constructor. A hook keeps its HTTP connections until
    :meth:`close`; it is a context manager, too.

    Every call may raise :class:`~airflow_provider_tencent_ci.exceptions.ApiError` (the service's error, with its
    code and request id), :class:`~airflow_provider_tencent_ci.exceptions.TransportError` (no answer) and
    :class:`~airflow_provider_tencent_ci.exceptions.InvalidArgumentError` (nothing was sent). Idempotent calls are
    retried for up to a minute if a retry may help.

    :param tencent_ci_conn_id: a connection of type ``tencent_ci``.
    :param bucket: the bucket's long name, ``<name>-<APPID>``; by default the connection's.
    :param region: its region; by default the connection's.
    """

    conn_name_attr = "tencent_ci_conn_id"
    default_conn_name = "tencent_ci_default"
    conn_type = "tencent_ci"
    hook_name = "Tencent Cloud Infinite (CI)"

    def __init__(
        self,
        tencent_ci_conn_id: str = default_conn_name,
        *,
        bucket: str | None = None,
        region: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tencent_ci_conn_id = tencent_ci_conn_id
        self.bucket = bucket
        self.region = region

    def __enter__(self) -> TencentCIHook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields, for Airflow before 3.2; later ones read the provider's metadata."""
        # Imported late, here and below: only the web server of Airflow before 3.2 calls this.
        from airflow_provider_tencent_ci.hooks.older_connection_form import connection_form_widgets

        return connection_form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's labels, for Airflow before 3.2; later ones read the provider's metadata."""
        from airflow_provider_tencent_ci.hooks.older_connection_form import ui_field_behaviour

        return ui_field_behaviour(cls.conn_type)

    @cached_property
    def config(self) -> ServiceConfig:
        """The configuration from the connection and the hook's arguments. Reads the connection, once."""
        connection = self.get_connection(self.tencent_ci_conn_id)
        config = read_connection(connection, self.bucket, self.region)
        if stored := config.credentials.stored:
            mask_secrets(stored.secret_key, stored.token)
        return config

    async def read_config(self) -> ServiceConfig:
        """Return :attr:`config` without blocking an event loop."""
        connection = await get_connection_async(self.tencent_ci_conn_id)
        config = read_connection(connection, self.bucket, self.region)
        if stored := config.credentials.stored:
            await mask_secrets_async(stored.secret_key, stored.token)
        return config

    @property
    def place(self) -> str:
        """The beginning of a message: the connection and the bucket. Never raises."""
        try:
            return self.config.place
        except Exception:  # the connection cannot be read, which may be what the message is about
            return place_of(self.tencent_ci_conn_id, self.bucket)

    def get_conn(self) -> BlockingTransport:
        """Return the transport, which drives the flows of ``core``; made at the first call."""
        return self._transport

    def close(self) -> None:
        """Close the HTTP connections. The hook can be used again."""
        if transport := self.__dict__.pop("_transport", None):
            transport.close()

    def run(self, flow: Flow[ResultT]) -> ResultT:
        """
        Run a flow of ``core`` to its end and return its result.

        An error names the connection and the bucket, unless it is about an argument.
        """
        return self._transport.run(flow)

    def trigger_inventory_job(
        self,
        *,
        name: str,
        workflow_ids: str | Sequence[str] | None = None,
        job: Mapping[str, Any] | None = None,
        prefix: str | None = None,
        manifest: str | None = None,
        url_file: str | None = None,
        object_key: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
    ) -> InventoryJob:
        """
        Submit a batch job: one ``POST``, sent again only if the service certainly did not execute it.

        After a :class:`~airflow_provider_tencent_ci.exceptions.TransportError` that was sent, or a
        :class:`~airflow_provider_tencent_ci.exceptions.ServiceUnavailableError`, the job may still exist: search for
        its name before you submit again, as the operator does.

        :param name: at most 128 Chinese characters, Latin letters, digits, ``-`` and ``_``; need not be unique.
        :param workflow_ids: for ``Type=Workflow``: the workflow's id, or several.
        :param job: for ``Type=Job``: the nodes of ``Operation`` by the service's names (``Tag``, ``JobParam``,
            ``Output``, ``QueueId``, ...).
        :param prefix: objects whose key starts so; ``/`` for the whole bucket.
        :param manifest: the ``manifest.json`` of a COS inventory.
        :param url_file: a text object with one object URL on each line.
        :param object_key: one object.
        :param start_time: only objects last modified at or after this time: a datetime or ISO 8601 text, with an
            offset.
        :param end_time: only objects last modified at or before this time.
        """
        specification = InventoryJobSpecification.from_arguments(
            workflow_ids=workflow_ids,
            job=job,
            prefix=prefix,
            manifest=manifest,
            url_file=url_file,
            object_key=object_key,
            start_time=start_time,
            end_time=end_time,
        )
        return self.run(job_calls.create_job(name, specification))

    def list_inventory_jobs(
        self,
        *,
        job_id: str | None = None,
        name: str | None = None,
        states: Sequence[str] | str | None = None,
        job_type: str | None = None,
        workflow_id: str | None = None,
        start_creation_time: datetime | str | None = None,
        end_creation_time: datetime | str | None = None,
        order_by_time: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
    ) -> Iterator[InventoryJob]:
        """
        List batch jobs, in constant memory. A page is requested when its first job is used.

        :param job_id: only this job.
        :param name: only jobs of this name. Whether the service compares exactly is not documented.
        :param states: only jobs in these states, such as ``["Submitted", "Running"]``.
        :param job_type: ``Workflow`` or ``Job``; by default both.
        :param workflow_id: only jobs of this workflow.
        :param start_creation_time: only jobs created at or after this time: a datetime or ISO 8601 text, with an
            offset.
        :param end_creation_time: only jobs created at or before this time.
        :param order_by_time: ``Desc`` (the service's default: youngest first) or ``Asc``.
        :param page_size: jobs in one request, 1 to 100; 100 needs the fewest requests.
        :raises InvalidArgumentError: an argument is wrong; raised by the call, before any request.
        """
        criteria = check_filter(
            JobFilter(
                job_id=job_id,
                name=name,
                states=states,
                job_type=job_type,
                workflow_id=workflow_id,
                start_creation_time=start_creation_time,
                end_creation_time=end_creation_time,
                order_by_time=order_by_time,
                page_size=page_size,
            )
        )
        return self._each(lambda token: job_calls.list_jobs_page(criteria, token))

    def get_inventory_job(self, job_id: str) -> InventoryJob:
        """
        Read one batch job, through the list endpoint filtered by its id.

        :raises NotFoundError: the list does not show it, even after a few more polls within 14 seconds.
        """
        return self.run(job_calls.get_job(job_id))

    def cancel_inventory_job(self, job_id: str) -> None:
        """
        Request the cancellation of a batch job.

        The job stops some time later, or has ended before: read it again for its state. It is not documented which
        states can be cancelled.
        """
        self.run(job_calls.request_cancel(job_id))

    def cancel_quietly(self, job_id: str, *, spent_seconds: float = 0.0) -> None:
        """
        Cancel a batch job within a few seconds, and log whether it has stopped; never raises.

        For killed tasks, which Airflow gives five seconds: all requests together take at most four, and none uses a
        connection of the interrupted call.

        :param spent_seconds: the used part of Airflow's five seconds.
        """
        try:
            config = self.config
            limit = min(config.request_timeout, _STOP_SECONDS / 2)
            hurried = replace(config, request_timeout=limit)
            longest = max(1.0, min(_LONGEST_STOP_SECONDS, _KILL_SECONDS - spent_seconds))
            with BlockingTransport(hurried, within_seconds=longest) as transport:
                job = transport.run(cancel_and_confirm(job_id, within_seconds=min(_STOP_SECONDS, longest)))
        except Exception as error:  # a kill must not fail on the service
            self.log.error("Could not cancel batch job %s for certain; it may go on. %s", job_id, error)
        else:
            self.log.info("%s", describe_cancel(job))

    def list_workflow_executions(
        self, workflow_id: str, *, job_id: str | None = None, states: Sequence[str] | str | None = None
    ) -> Iterator[WorkflowExecution]:
        """
        List a workflow's execution for each file, page by page, in constant memory.

        :param workflow_id: the workflow.
        :param job_id: only executions of this batch job.
        :param states: only executions in these states, such as ``["Failed"]``.
        :raises InvalidArgumentError: one of them is no text, or empty; raised by the call.
        """
        if not text_argument("workflow_id", workflow_id):
            raise InvalidArgumentError("workflow_id is empty: name the workflow.")
        check_states(states, "executions")
        return self._each(lambda token: list_executions_page(workflow_id, job_id, states, token))

    def list_failed_files(self, job: InventoryJob) -> Iterator[FileFailure]:
        """
        List the files of a batch job that failed, with the reason, oldest first and in constant memory.

        The list of a workflow's executions has no reasons, so each failed file costs one more request. For
        ``Type=Job`` there is no such request. Up to ``max_connections`` requests are in flight at a time. They are for
        10 files at first, then for more and more, up to 2,560.

        :param job: the job's record.
        :raises UnreadableResponseError: the record does not contain the job's operation; raised by the call.
        """
        return self._batches(FailedFiles(job, with_reasons))

    def list_workflows(self, *, ids: Sequence[str] | str = (), name: str = "") -> list[Workflow]:
        """
        List the workflows of the bucket.

        :param ids: only these; by default all.
        :param name: only those of this name.
        """
        return self.run(workflows_and_queues.list_workflows(ids=ids, name=name))

    def list_queues(self, *, ids: Sequence[str] | str = (), state: str = "", category: str = "CateAll") -> list[Queue]:
        """
        List the queues of the bucket.

        :param ids: only these; by default all.
        :param state: ``Active`` or ``Paused``; by default both.
        :param category: ``CateAll`` (default: all), ``Transcoding`` or ``SpeedTranscoding``.
        """
        return self.run(workflows_and_queues.list_queues(ids=ids, state=state, category=category))

    def list_failed_keys(self, job: InventoryJob) -> Iterator[str]:
        """
        List the keys of a batch job's failed files, as :meth:`list_failed_files` does, without requesting the reasons.

        :param job: the job's record.
        :raises UnreadableResponseError: the record does not contain the job's operation.
        """
        return self._batches(FailedFiles(job, keys_only))

    def put_object(self, key: str, data: bytes, *, content_type: str = "text/plain") -> None:
        """
        Write an object into the bucket, such as a list for ``url_file``; an existing object with this key is replaced.

        :param key: its key, without a leading slash; at most 850 bytes.
        :param data: it must fit into memory and be sent within ``request_timeout``.
        :raises InvalidArgumentError: it is no key.
        :raises PermissionDeniedError: the key pair lacks ``cos:PutObject``.
        """
        self.run(put_object(key, data, content_type))

    def test_connection(self) -> tuple[bool, str]:
        """
        List one job of the bucket: the cheapest request that checks key, region, bucket and binding.

        :return: whether it worked, and advice if it did not; also which fields of the extra are not known.
        """
        try:
            config = self.config
        except InvalidArgumentError as error:  # which names these fields itself
            return False, self._without_connection(str(error))
        worked, message = self._try_connection(config)
        slips = describe_unknown_fields(read_extra(self.get_connection(self.tencent_ci_conn_id)))
        return worked, f"{self._without_connection(message)} {slips}".strip()

    def _without_connection(self, message: str) -> str:
        """Leave out the connection: Airflow's form gives it a random id for the test, which the user does not know."""
        connection = f"Connection {self.tencent_ci_conn_id!r}"
        return message.replace(f"{connection}, bucket ", "Bucket ").replace(f"{connection}: ", "")

    def _try_connection(self, config: ServiceConfig) -> tuple[bool, str]:
        try:
            self.run(send_with_retry(build_list(JobFilter(page_size=1)), read_jobs, NO_RETRY))
        except TencentCIError as error:
            return False, str(error)
        return True, (
            f"Connected to {config.bucket} in {config.region}: its batch jobs can be listed. "
            "Whether this key may also submit and cancel shows with the first job."
        )

    def _batches(self, failed: FailedFiles[ResultT]) -> Iterator[ResultT]:
        while not failed.is_over:
            yield from self.run(failed.next_batch())

    @cached_property
    def _transport(self) -> BlockingTransport:
        return BlockingTransport(self.config)

    def _each(self, read_page: Callable[[str], Flow[Page[ItemT]]]) -> Iterator[ItemT]:
        """Return the items of all pages; a page is requested when its first item is used."""
        paginator = Paginator()
        while paginator.next_token is not None:
            yield from paginator.new_items(self.run(read_page(paginator.next_token)))
