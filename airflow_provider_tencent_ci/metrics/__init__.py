"""
The metrics: ``table.py`` has all of them, with their names, tags and values; ``recording.py`` the functions that count.

Imports ``compat/`` and the core only. ``core/`` and ``triggerer/`` do not import it: a configuration has an observer.
"""
