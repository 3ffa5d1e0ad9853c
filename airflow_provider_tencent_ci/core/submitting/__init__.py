"""
Submitting a batch job exactly once.

Lives here: the token that makes a submission idempotent, the note of what a series of tries has sent, the search for
a job that an earlier request may have made, duplicates, the limit of active jobs, the request that resubmits
files, and the parts of a round.

May come in: a step of a submission. Airflow's arguments and stores belong in ``submission`` and ``task_state``.

May call: all other rooms of ``core``.
"""
