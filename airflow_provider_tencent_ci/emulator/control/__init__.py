"""
The controls: everything that a test sets up, causes and reads.

Modules: ``controls`` (the Python API, behind a lock), ``control_api`` (the same over HTTP, as JSON), ``summaries``
(batches, files and buckets as a test sees them).

Belongs here: a control that a test needs and a client of the service has not. It is a method of ``Controls``, an
entry of the control API, and a line in ``emulator.Emulator``.

May call: all rooms below: ``http``, ``faults``, ``answers``, ``auth``, ``model``, ``protocol``.
"""
