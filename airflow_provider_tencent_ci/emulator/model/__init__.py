"""
The emulated service without HTTP: buckets, batches, files and the clock.

Modules: ``service`` (the operations), ``job_store`` (all batches), ``jobs`` (their states as functions of time),
``create_request`` and ``input_files`` (a submission and the files that it selects), ``work_on_files`` and
``failing_files`` (the work on each file, computed from its number), ``work_selection`` (the files that a list wants),
``list_pages`` (filters and pages), ``lazy_sequences``, ``buckets`` with ``object_store``, ``clock``, ``settings`` with
``switches`` (how the service behaves), ``defaults`` (the content of a new emulator).

Belongs here: rules of the service that hold without a network. A method takes the parameters of a request and returns
a record, or raises ``ServiceError``. There are no threads and no timers: a state follows from the time. A *batch* is a
batch job; a *child job* belongs to a batch of the type ``Job`` and one file, an *execution*
to a batch of the type ``Workflow`` and one file.

May call: ``protocol``. It does not know signatures, the XML of answers, faults or HTTP.
"""
