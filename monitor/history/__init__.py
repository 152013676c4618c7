"""The durable history of executions: everything SQL of the monitor lives in this room.

Knows tables and dialects; knows no SFCC document and no clock. Functions work on a connection they
are given and never commit: whoever opened the transaction decides what belongs together.
"""
