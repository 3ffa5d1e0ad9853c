"""The routes of the page. Each route checks the user's rights before any request to the service."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from airflow.models.connection import Connection
from airflow.models.log import Log
from airflow.utils.session import create_session
from fastapi import APIRouter, Depends, HTTPException, Query
from sqlalchemy import select

from airflow_provider_tencent_ci.core.api.job_id import check_job_id
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.links import console_url
from airflow_provider_tencent_ci.outcome.commands import CommandPlace, resubmit_command
from airflow_provider_tencent_ci.plugins.access import (
    PageUser,
    ReadableConnection,
    may_cancel,
    may_read_connection,
    require_own_page,
    visible_dags,
)
from airflow_provider_tencent_ci.plugins.concurrent_reads import LIMITED_READ
from airflow_provider_tencent_ci.plugins.known_buckets import buckets_of_tasks
from airflow_provider_tencent_ci.plugins.page_requests import (
    Asking,
    PageHook,
    Place,
    account_of,
    asking,
    is_ours,
    own_bucket,
)
from airflow_provider_tencent_ci.plugins.page_schemas import (
    Bucket,
    Buckets,
    Cancelled,
    Connections,
    FailedFiles,
    Job,
    JobPage,
    Jobs,
    Progress,
    Timeline,
)
from airflow_provider_tencent_ci.plugins.task_instances import Maker, makers_of

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

__all__ = ["router"]

router = APIRouter(prefix="/api/connections")


def _place(conn_id: ReadableConnection, bucket: str = "", region: str = "") -> Place:
    return Place(conn_id, bucket, region)


#: The connection of the path and the bucket of the query, once it is certain that the user may read the connection.
ReadableBucket = Annotated[Place, Depends(_place)]

_States = Literal["Submitted", "Running", "Pause", "Success", "Failed", "Cancel"]


@router.get("")
def list_connections(user: PageUser) -> Connections:
    """List the connections of type ``tencent_ci`` that the user may read, the default one first."""
    with create_session() as session:
        ours = select(Connection.conn_id).where(Connection.conn_type == TencentCIHook.conn_type)
        stored = list(session.scalars(ours))
    default = TencentCIHook.default_conn_name
    readable = [conn_id for conn_id in {*stored, default} if may_read_connection(conn_id, user)]
    if default in readable and default not in stored and not _exists(default):
        readable.remove(default)
    return Connections(sorted(readable, key=lambda conn_id: (conn_id != default, conn_id)))


@router.get("/{conn_id}/buckets")
def list_buckets(conn_id: ReadableConnection, user: PageUser) -> Buckets:
    """List the buckets of the connection's account in which tasks have submitted jobs lately; no request, one query."""
    with PageHook(conn_id) as hook:
        own = own_bucket(hook) if is_ours(hook) else ""
    found = buckets_of_tasks()
    visible = visible_dags({one.dag_id for one in found}, user)
    places = {(one.bucket, one.region) for one in found if one.dag_id in visible}
    ours = (place for place in places if not own or account_of(place[0]) == account_of(own))
    return Buckets([Bucket(*place) for place in sorted(ours)])


@router.get("/{conn_id}/jobs", dependencies=LIMITED_READ)
def list_jobs(
    place: ReadableBucket,
    user: PageUser,
    states: Annotated[list[_States], Query()] = [],  # noqa: B006 - FastAPI makes a new one each time
    job_type: Literal["Workflow", "Job"] | None = None,
    name: str = "",
    created_after: str = "",
    created_before: str = "",
    order: Literal["Desc", "Asc"] = "Desc",
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
    next_token: str = "",
) -> Jobs:
    """Return one page of jobs: one request to the service, one query of the database."""
    criteria = JobFilter(
        states=states,
        job_type=job_type,
        name=name or None,
        start_creation_time=created_after,
        end_creation_time=created_before,
        order_by_time=order,
        page_size=page_size,
    )
    with asking(place) as service:
        page = service.jobs(criteria, next_token)
        config, now = service.config, service.time()
    jobs = _described(page.items, now, user)
    return Jobs(config.bucket, config.region, console_url(config.bucket, config.region), jobs, page.next_token)


@router.get("/{conn_id}/jobs/{job_id}", dependencies=LIMITED_READ)
def get_job(place: ReadableBucket, job_id: str, user: PageUser) -> JobPage:
    """Return one job: one request to the service."""
    with asking(place) as service:
        job = service.job(job_id)
        config, now = service.config, service.time()
    [described] = _described([job], now, user)
    return JobPage(
        config.bucket, config.region, console_url(config.bucket, config.region), described, _resubmit(job, place)
    )


def _resubmit(job: InventoryJob, place: Place) -> str:
    """Return the command for failed files. Of a job that failed as a job, it would leave out the files not begun."""
    if job.state is not JobState.SUCCESS:
        return ""
    return resubmit_command(job, CommandPlace(place.conn_id, place.bucket, place.region))


@router.get("/{conn_id}/jobs/{job_id}/progress", dependencies=LIMITED_READ)
def get_progress(place: ReadableBucket, job_id: str) -> Progress:
    """Count the files of a job, or estimate their number, in a bounded number of requests."""
    with asking(place) as service:
        return Progress.of(service.survey(service.job(job_id)))


@router.get("/{conn_id}/jobs/{job_id}/timeline", dependencies=LIMITED_READ)
def get_timeline(place: ReadableBucket, job_id: str) -> Timeline:
    """Return when the files of a job finished; for a workflow job, from a sample of them."""
    with asking(place) as service:
        survey = service.survey(service.job(job_id))
        points, sampled = service.timeline(survey)
    return Timeline(points, sampled, survey.counts.done, survey.is_complete, survey.is_estimate)


@router.get("/{conn_id}/jobs/{job_id}/failed-files", dependencies=LIMITED_READ)
def list_failed_files(place: ReadableBucket, job_id: str, cursor: str = "") -> FailedFiles:
    """Return some of the failed files of a job, and why they failed; with the first ones, which job has them now."""
    with asking(place) as service:
        job = service.job(job_id)
        files, next_cursor = service.failed_files(job, cursor)
        return FailedFiles(files, next_cursor, service.resubmission(job) if files and not cursor else "")


@router.post("/{conn_id}/jobs/{job_id}/cancel", dependencies=[Depends(require_own_page)])
def cancel_job(place: ReadableBucket, job_id: str, user: PageUser) -> Cancelled:
    """Cancel a job if the user may edit the DAG of each task that submitted it; record the user in the audit log."""
    makers = makers_of([check_job_id(job_id)]).get(job_id, [])
    if not may_cancel((maker.dag_id for maker in makers), user):
        raise HTTPException(
            403,
            f"You may not cancel batch job {job_id}: this needs the right to edit the DAG whose task submitted it, "
            "and a task that has the job's id in its XCom.",
        )
    with asking(place) as service:
        _refuse_if_ended(service, job_id)
        _note_cancel(service, job_id, makers[0], user)
        job = service.cancel(job_id)
        now = service.time()
    [described] = _described([job], now, user)
    return Cancelled(described)


def _described(jobs: Iterable[InventoryJob], now: datetime, user: BaseUser) -> list[Job]:
    """
    Add Airflow's data to jobs, as far as the user may see it.

    :param now: the service's time.
    """
    jobs = list(jobs)
    makers = makers_of(job.job_id for job in jobs)
    visible = visible_dags((maker.dag_id for group in makers.values() for maker in group), user)
    described = []
    for job in jobs:
        group = makers.get(job.job_id, [])
        seen = [maker for maker in group if maker.dag_id in visible]
        may_edit = not job.state.is_terminal and may_cancel((maker.dag_id for maker in group), user)
        described.append(Job.of(job, now, seen, may_edit=may_edit))
    return described


def _refuse_if_ended(service: Asking, job_id: str) -> None:
    job = service.job(job_id)
    if job.state.is_terminal:
        raise HTTPException(409, f"Batch job {job_id} has ended: {job.state.value}. There is nothing to cancel.")


def _note_cancel(service: Asking, job_id: str, maker: Maker, user: BaseUser) -> None:
    """Write the audit log before the cancel."""
    entry = Log(
        event="tencent_ci_cancel_job",
        owner=user.get_name(),
        owner_display_name=user.get_name(),
        extra=json.dumps({"job_id": job_id, "tencent_ci_conn_id": service.conn_id, "bucket": service.config.bucket}),
        dag_id=maker.dag_id,
        task_id=maker.task_id,
        run_id=maker.run_id,
        map_index=maker.map_index,
    )
    with create_session() as session:
        session.add(entry)


def _exists(conn_id: str) -> bool:
    with PageHook(conn_id) as hook:
        return is_ours(hook)
