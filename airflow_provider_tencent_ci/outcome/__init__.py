"""
The job has ended: its files are counted, reported and judged.

``file_outcome.py`` counts and judges by ``FileRules`` (the rule is ``core/files/fail_on.py``), ``closing_summary.py``
has the lines and tables of the log, ``human_units.py`` writes durations, shares and counts, ``time_zone.py`` times,
``failures_path.py`` the list of failed files in any storage, ``failed_files.py`` the public ``InventoryJobFailures``,
which the next batch can take, ``commands.py`` the commands that errors, messages and the page advise.

Takes frozen values, the hook and the job. Imports the hook and the core.
"""
