"""
The wire format: bytes in, bytes out.

Lives here: steps of a flow and their answers, the exchange that signs and redacts, the signatures, XML, times, the
service's clock, error classes and codes, request retries, expired keys, the rate limit.

May come in: everything that is true for each endpoint. An endpoint's path or node belongs in ``core/api``.

May call: ``exceptions`` and the standard library; no other room.
"""
