"""
Triggers: one class for each kind of wait in the triggerer.

``inventory_job.py`` waits until a job has ended, ``capacity.py`` until a bucket has room for one more job,
``sensor_start.py`` starts a sensor that no worker has started, ``inventory_job_event.py`` tells Airflow's assets which
jobs of a bucket have ended. A trigger has serialisable arguments, yields one event, and blocks nothing. ``event.py``
and ``starting.py`` are former places of two classes: rows of Airflow's database name them.

A class path is stored in Airflow's database, so a class keeps its old path for one release after a move.

May be imported by ``operators/``, ``sensors/`` and ``submission/``. Imports ``triggerer/`` for what all triggers of
one event loop share, and ``waiting/`` and ``outcome/`` for what a wait is on a worker, too.
"""
