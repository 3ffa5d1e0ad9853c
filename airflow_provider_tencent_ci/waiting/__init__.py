"""
A task waits for its job, and is stopped.

``job_wait.py`` has the options of a wait and the wait of a worker; ``deferral.py`` the limits of a deferral and the
table of the ways back into a task; ``resume_event.py`` the events that resume it; ``end_from_trigger.py`` says
whether a trigger may end it. ``core/polling/cancel_decision.py`` has the rule whether a stop cancels the job. For
the process of a running task ``killed_process.py`` asks it, and for a deferred task its trigger does. Both need
``process_lease.py``: whether Airflow can have given this process up. ``wait_log.py`` has the log lines,
``constructor_checks.py`` the checks of arguments that are no templates.

A trigger waits, too. So this room stands below ``triggers/`` and is handed a trigger as a value. Takes frozen values;
knows no operator. Imports ``outcome/`` for the lines of progress, ``task_state/``, the hook and the core.
"""
