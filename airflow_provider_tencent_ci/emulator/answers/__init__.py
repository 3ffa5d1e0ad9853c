"""
Answers: records of the model as the service's XML.

What lives here: ``answer_xml`` (batches, executions, child jobs, queues, workflows, pages and errors).

What may come in: the names and the order of nodes, as the service writes them.

What it may call: ``model`` for records and switches, ``protocol``, and of the client ``core.wire.xml``, the one
XML writer.
"""
