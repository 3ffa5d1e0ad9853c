"""
Temporary credentials: their sources, their refresh, and the parsing of their answers.

Lives here: the sources (a machine's role, an assumed role), the exchanges with the metadata service and with STS, and
the decision when credentials are refreshed. ``transport/credentials_cache.py`` holds the credentials and carries the
refresh out.

May come in: a new source of credentials, or a new rule for the refresh.

May call: ``core/wire``.
"""
