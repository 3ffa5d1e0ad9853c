"""
The hook: an Airflow connection turned into calls of the service.

Lives here: the fields of a connection and its form, the credentials that it names, and the hook with one method for
each call.

May come in: a field of the connection, a method of the hook. A method runs a flow of ``core`` and contains no rules.

May call: ``compat``, ``transport``, ``core`` and ``exceptions``.
"""
