"""
Faults: the errors that a test injects.

Modules: ``fault_catalogue`` (the kinds of faults, for which requests and how often), ``fault_effects`` (the answer
after a fault).

Belongs here: failures of the service, and of the network between service and client. A switch of the service that is
not a failure belongs to ``model.switches``.

May call: ``protocol``, and of the client ``core.wire.xml``.
"""
