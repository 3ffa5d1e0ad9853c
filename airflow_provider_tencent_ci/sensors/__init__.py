"""
Sensors: waiting for a job that another task, or another program, submitted.

``inventory_job.py`` has ``InventoryJobSensor`` in all its modes. ``trigger_start.py`` makes the arguments with which
Airflow's scheduler starts its trigger without a worker (Airflow 3.3 and later).

A sensor makes the same frozen values of its arguments as the operator does (``WaitOptions``, ``FileRules``), so that
both wait and end in the same way. Imports everything below it, and no operator.
"""
