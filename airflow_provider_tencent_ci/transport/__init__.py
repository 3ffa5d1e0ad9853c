"""
Two drivers for the flows of ``core``, one blocking and one asynchronous, and the cache of temporary credentials.

Lives here: all that moves bytes, sleeps, tells the time or starts a thread; and what one process or one event loop
shares. Whatever can be decided without I/O belongs in ``core``.

May come in: a driver, an HTTP library, a bound on time or size.

May call: ``core/wire``, ``core/credentials`` and ``exceptions``; not Airflow.
"""
