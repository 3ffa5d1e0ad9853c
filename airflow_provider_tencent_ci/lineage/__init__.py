"""
Reports of a task's job to other systems: its outlets' asset events, and OpenLineage.

``asset_events.py`` has the extras of events and the mixin of operator and sensor; ``openlineage.py`` makes datasets
and a facet; ``lineage_facts.py`` has the values that both use; ``cos_places.py`` derives a job's inputs and outputs
from its record. None of it sends a request, and none can fail a task.
"""
