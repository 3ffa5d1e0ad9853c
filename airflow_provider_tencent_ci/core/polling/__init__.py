"""
Polling batch jobs until they end, and cancelling them.

Lives here: one wait (``wait``), the delay before the next poll (``poll_schedule``, ``earlier_durations``), many jobs
with few requests (``bulk_poll``), the jobs of a bucket that ended since the last poll (``ended_jobs``), how long a
service may fail (``contact_budget``), which error ends a wait at once (``first_poll``), and cancelling
(``cancel_job``, ``cancel_decision``).

May come in: a rule about when to send a request and what ends a wait. Event loops and tasks belong in ``triggerer``.

May call: ``core/files``, ``core/api`` and ``core/wire``.
"""
