"""Recorded telemetry in files, as people have it: tables, JSON lines, dumps of topics; in any encoding, packed or not.

Files become the records that Kafka would have brought, and what they mean is decided by the same decoders. What cannot
be read is noted with its file, line and column; it never ends the reading of the rest.
"""
