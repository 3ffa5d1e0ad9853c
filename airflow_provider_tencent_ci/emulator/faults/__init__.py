"""
Faults: the errors that a test injects.

What lives here: ``fault_catalogue`` (the kinds of faults, for which requests and how often), ``fault_effects`` (the
answer after a fault).

What may come in: failures of the service, and of the network between service and client. A switch of the service that
is not a failure belongs to ``model.switches``.

What it may call: ``protocol``, and of the client ``core.wire.xml``.
"""
