"""Moving bytes: two drivers for the flows of ``core``, one blocking, one asynchronous, and nothing else."""
