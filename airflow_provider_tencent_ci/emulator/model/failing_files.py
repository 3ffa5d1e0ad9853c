"""Which files of a batch fail, and why; computed when a file is asked for."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from itertools import islice

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket
from airflow_provider_tencent_ci.emulator.model.input_files import InputFile, InputFiles
from airflow_provider_tencent_ci.emulator.model.switches import FileFailures

__all__ = ["FailingFiles", "Failure"]


@dataclass(frozen=True, slots=True)
class Failure:
    """``Code`` and ``Message`` of a batch or a file that failed."""

    code: str
    message: str


class FailingFiles:
    """
    The failures of the files of one batch. A turn is the work of one workflow on one file.

    :param turns_per_file: the number of workflows; 1 for child jobs.
    :param bucket: has the batches before, since a file may fail a number of times and then succeed.
    """

    def __init__(self, files: InputFiles, turns_per_file: int, switches: FileFailures, bucket: Bucket) -> None:
        self._files = files
        self._turns_per_file = turns_per_file
        self._switches = switches
        self._pattern = re.compile("|".join(map(translate, switches.failing_keys))) if switches.failing_keys else None
        self._batches = bucket.failing
        self._batches_before = len(bucket.failing)
        self._failed_before = bucket.failed.copy()
        if switches.failing_every or switches.failing_keys:
            bucket.failing.append(self)

    def failure_of(self, turn: int) -> Failure | None:
        """Return why a turn fails; ``None`` if it succeeds."""
        return self._failure(self._files.at(turn // self._turns_per_file), turn)

    @cached_property
    def turns(self) -> Sequence[int]:
        """The turns that fail, in rising order. With patterns or missing objects, all files are looked at once."""
        number = len(self._files) * self._turns_per_file
        switches = self._switches
        if not (self._files.missing or switches.failing_keys or switches.failing_times):
            every = switches.failing_every
            return range(every - 1, number, every) if every else range(0)
        files = (file for file in self._files for _ in range(self._turns_per_file))
        return array("I", (turn for turn, file in enumerate(files) if self._failure(file, turn)))

    def _failure(self, file: InputFile, turn: int) -> Failure | None:
        switches = self._switches
        if not file.exists:
            return Failure("ResourceNotFound", "The object does not exist.")
        if not self._chooses(file.key, turn):
            return None
        if not switches.failing_times or self._times_chosen(file.key, turn) <= switches.failing_times:
            return Failure(switches.file_failure_code, switches.file_failure_message)
        return None

    def _chooses(self, key: str, turn: int) -> bool:
        switches = self._switches
        if switches.failing_every and (turn + 1) % switches.failing_every == 0:
            return True
        return self._pattern is not None and self._pattern.match(key) is not None

    def _times_chosen(self, key: str, turn: int) -> int:
        """Return how often a file was chosen so far: by the batches before, and by this one up to a turn."""
        before = islice(self._batches, self._batches_before)
        times_before = self._failed_before[key] + sum(batch._times_chosen_up_to(key) for batch in before)
        return times_before + self._times_chosen_up_to(key, turn)

    def _times_chosen_up_to(self, key: str, last: int | None = None) -> int:
        index = self._files.index_of(key)
        if index is None or key in self._files.missing:
            return 0
        first = index * self._turns_per_file
        turns = range(first, first + self._turns_per_file)
        return sum(self._chooses(key, turn) for turn in turns if last is None or turn <= last)
