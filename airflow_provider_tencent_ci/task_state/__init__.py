"""
A task keeps notes for its later processes: in XCom, and in the task state store (Airflow 3.3 and later).

``submission_xcom.py`` keeps the request with its submission, so that no process makes it from attributes a second time.
``submission_memory.py`` keeps the note of a submission over all tries of one series, ``stored_counts.py`` what was
counted of its job's files. ``wait_began_at.py`` and ``failing_since.py`` keep two times of a sensor's try.
``try_order.py`` tells which of two tries is the newer one.

The keys are stored in Airflow's database: a new release reads what the one before it wrote. Imports ``compat/`` and
the core only.
"""
