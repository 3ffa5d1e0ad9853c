"""
Keys: they identify the sender of a request, and the emulator issues temporary ones.

Modules: ``request_signature`` (checks the signature of CI and COS), ``tc3_verification`` (checks the signature
TC3-HMAC-SHA256 of STS), ``permissions`` (the CAM actions of a key), ``roles`` (CAM roles and their temporary keys),
``key_services`` (the metadata service and STS).

Belongs here: checks that need a key, and services that make one.

May call: ``model`` for switches, ``protocol``, and of the client ``core.wire.signing`` and ``core.wire.tc3``, the one
implementation of each signature.
"""
