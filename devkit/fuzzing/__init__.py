"""Requests made from the app's own definition, by the thousand, against the running app.

schemathesis makes them (`driver`, in an environment of its own), with values that exist (`values`), in a world that
they may change (`world`). `fuzz.fuzz()` runs it all; `findings` holds the result.
"""
