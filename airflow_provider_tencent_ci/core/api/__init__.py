"""
The endpoints of the service, one module for each family.

Lives here: for each endpoint a function that builds the request, one that reads the answer, and a flow that sends it
with retries; the records that answers become; the create request and its checks; pagination.

=============================  ==========================================================
``/inventorytriggerjob``       ``job_requests``, ``job_calls``
``/workflowexecution``         ``file_requests``, ``file_lists``
``/jobs``, ``/pic_jobs``       ``file_requests``, ``file_lists``
``/workflow``, ``/queue``      ``workflows_and_queues``
an object in COS               ``put_object``
=============================  ==========================================================

May come in: an endpoint, a node, a parameter. When and how often an endpoint is called is decided above.

May call: ``core/wire``.
"""
