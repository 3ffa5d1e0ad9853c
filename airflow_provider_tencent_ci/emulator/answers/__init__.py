"""
Answers: records of the model as the service's XML.

Modules: ``answer_xml`` (batches, executions, child jobs, queues, workflows, pages and errors).

Belongs here: the names and the order of nodes, as the service writes them.

May call: ``model`` for records and switches, ``protocol``, and of the client ``core.wire.xml``, the one XML writer.
"""
