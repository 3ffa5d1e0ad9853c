"""
HTTP: the way from a socket to the service and back.

Modules: ``server`` and ``server_thread`` (bytes, sockets, the thread), ``gateway`` (finds bucket, operation and key
of a request, injects faults, and passes the request on), ``operations`` (the operations of CI), ``object_operations``
(those of COS), ``object_checksums`` (the checksums of an object), ``body_and_bucket_checks`` (length
and content, and whether the bucket may be processed), ``request_log`` (the requests that came in).

Belongs here: rules that need the method, the path, a header or the connection of a request.

May call: ``faults``, ``answers``, ``auth``, ``model``, ``protocol``. The server knows the control API as a function
that it was given.
"""
