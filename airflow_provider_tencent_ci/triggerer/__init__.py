"""
The shared objects of the triggers of one event loop, so that thousands of triggers cost few requests.

Lives here: the shared poller of a bucket, the gate for ``max_active_jobs``, the counter of files and its share of the
loop's time, the watcher of a bucket, and retries that no task would make.

May come in: an object that several triggers use at once. The trigger classes, which Airflow stores, are in
``triggers``.

May call: ``transport``, ``core`` and ``exceptions``; not Airflow, and no trigger.
"""
