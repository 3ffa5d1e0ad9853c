"""The effect of each fault on a user: one table for the tests, from which ``docs/faults.md`` is made."""
