"""
A task submits its request once, over all of its tries.

``submitter.py`` submits or finds the job (the protocol is ``core/submitting/``), as soon as ``max_active_jobs`` allows.
``rounds.py`` decides on one more round over the failed files.
``resubmit_job.py`` submits the failed files of a job again for a person (``tencent-ci resubmit``).
``late_duplicates.py`` searches for further jobs at the end of the task. ``job_file.py`` reads ``job`` from a JSON or
YAML file.

Takes frozen values, the hook and the context; knows no operator. May be imported by ``operators/`` and ``sensors/``.
Imports ``outcome/``, ``waiting/``, ``task_state/``, the hook and the core.
"""
