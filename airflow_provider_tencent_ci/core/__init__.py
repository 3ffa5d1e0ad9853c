"""
The protocol and the decisions of the package, without I/O.

Lives here: requests, answers and their meaning; when to retry, poll, count, cancel and submit. A call that needs the
network is a *flow*: a generator that yields steps and receives their answers. ``transport`` performs the steps.

May come in: plain values, frozen dataclasses, times as arguments or steps. May not come in: Airflow, an HTTP library,
a clock, a sleep, a logger.

May call: ``exceptions`` and the standard library. Inside, the rooms are layers, and each may call those below it:
``submitting``, ``polling``, ``files``, ``api``, ``credentials``, ``wire``.
"""
