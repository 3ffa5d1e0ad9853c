"""
Other systems are told of a task's job: its outlets' asset events, and OpenLineage.

``asset_events.py`` has the extras of events and the mixin of operator and sensor; ``openlineage.py`` makes datasets
and a facet; ``cos_places.py`` reads from a job's record where it reads and writes. None of it sends a request, and
none can fail a task.
"""
