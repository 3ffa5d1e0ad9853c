"""
Two drivers for the flows of ``core``, one blocking and one asynchronous, and the cache of temporary credentials.

Lives here: all code that moves bytes, sleeps, reads the clock or starts a thread, and the shared state of one process
or one event loop. Decisions without I/O belong in ``core``. May come in: a driver, an HTTP library, a limit of time or
size.

May call: ``core/wire``, ``core/credentials`` and ``exceptions``; not Airflow.
"""
