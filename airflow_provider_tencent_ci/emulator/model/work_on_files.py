"""The work of a batch on its files: computed from the number of each file, and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket
from airflow_provider_tencent_ci.emulator.model.create_request import JobRequest
from airflow_provider_tencent_ci.emulator.model.failing_files import FailingFiles, Failure
from airflow_provider_tencent_ci.emulator.model.input_files import InputFiles
from airflow_provider_tencent_ci.emulator.model.lazy_sequences import LazySequence
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour

__all__ = ["Work", "WorkIds", "Works"]


@dataclass(frozen=True, slots=True)
class Work:
    """
    The work of a batch on one file: a workflow execution, or a child job.

    :param index: its number in the batch, from 0.
    :param work_id: the execution's ``RunId`` or the child job's ``JobId``.
    :param task_ids: the jobs of the nodes of an execution's workflow.
    :param key: the file's object key.
    :param workflow_id: the workflow; empty for a child job.
    :param begins_after_seconds: when it begins, from the start of the batch.
    :param ends_after_seconds: when it ends, from the start of the batch.
    :param failure: the reason of its failure; ``None``: it succeeds.
    """

    index: int
    work_id: str
    task_ids: tuple[str, ...]
    key: str
    workflow_id: str
    begins_after_seconds: float
    ends_after_seconds: float
    failure: Failure | None = None


class WorkIds:
    """
    The ids of one batch's works: CI's shape (docs/service.md, 1.5), in no order, and yet from an id follows its number.

    :ivar batch: the part that all have, and no other batch.
    """

    _BITS, _NODE_SHIFT = 48, 32
    _MULTIPLIER = 0x9E3779B97F4B
    _INVERSE = pow(_MULTIPLIER, -1, 1 << _BITS)

    def __init__(self) -> None:
        self.batch = uuid4().hex[12:]
        self._offset = int(self.batch[:12], 16)

    @staticmethod
    def batch_of(work_id: str) -> str:
        """Return the batch's part of an id."""
        return work_id[13:]

    def new_id(self, prefix: str, index: int, node: int = 0) -> str:
        """
        Return an id.

        :param node: 0 for the work itself, from 1 on for the jobs of its nodes.
        """
        number = node << self._NODE_SHIFT | index
        return f"{prefix}{(number * self._MULTIPLIER + self._offset) % (1 << self._BITS):012x}{self.batch}"

    def index_of(self, work_id: str) -> int | None:
        """Return the number of a work; ``None`` if it is no id of one."""
        try:
            scrambled = int(work_id[1:13], 16)
        except ValueError:
            return None
        number = (scrambled - self._offset) * self._INVERSE % (1 << self._BITS)
        return number if self.new_id(work_id[:1], number) == work_id else None


class Works(LazySequence[Work]):
    """
    The works of one batch, in the order in which they begin and end: each workflow on each file.

    :param bucket: its workflows as they are now.
    """

    def __init__(self, bucket: Bucket, request: JobRequest, files: InputFiles, behaviour: Behaviour) -> None:
        self.ids = WorkIds()
        self._files = files
        self._workflow_ids = request.workflow_ids or ("",)
        self._nodes = [len(bucket.workflows[name].nodes) if name else 0 for name in self._workflow_ids]
        self._run = behaviour.jobs
        self._failing = FailingFiles(files, len(self._workflow_ids), behaviour.files, bucket)

    def __len__(self) -> int:
        return len(self._files) * len(self._workflow_ids)

    def at(self, index: int) -> Work:
        """Return one work."""
        file, workflow = divmod(index, len(self._workflow_ids))
        workflow_id = self._workflow_ids[workflow]
        nodes = range(1, self._nodes[workflow] + 1)
        begins_after_seconds, ends_after_seconds = self.seconds_of(index)
        return Work(
            index=index,
            work_id=self.ids.new_id("i" if workflow_id else "j", index),
            task_ids=tuple(self.ids.new_id("j", index, node) for node in nodes),
            key=self._files.keys[file],
            workflow_id=workflow_id,
            begins_after_seconds=begins_after_seconds,
            ends_after_seconds=ends_after_seconds,
            failure=self._failing.failure_of(index),
        )

    @property
    def failing(self) -> Sequence[int]:
        """The numbers of the works that fail, in rising order."""
        return self._failing.turns

    def seconds_of(self, index: int) -> tuple[float, float]:
        """Return when a work begins and ends, in seconds from the start of the batch."""
        run = self._run
        if run.run_seconds is not None:
            return run.run_seconds * index / len(self), run.run_seconds * (index + 1) / len(self)
        begin = index // run.concurrency * run.file_seconds
        return begin, begin + run.file_seconds

    def with_id(self, work_id: str) -> Work | None:
        """Return the work with an id."""
        index = self.ids.index_of(work_id)
        work = self.at(index) if index is not None and index < len(self) else None
        return work if work and work.work_id == work_id else None

    def is_of(self, workflow_id: str, index: int) -> bool:
        """Return whether a work is of a workflow; an empty id means any."""
        return workflow_id in ("", self._workflow_ids[index % len(self._workflow_ids)])

    def with_key(self, key: str) -> range:
        """Return the numbers of the works on one file."""
        index, number = self._files.index_of(key), len(self._workflow_ids)
        return range(0) if index is None else range(index * number, (index + 1) * number)
