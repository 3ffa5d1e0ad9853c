"""What a user sees of each fault: one table, which the tests hold to and ``docs/faults.md`` is made from."""
