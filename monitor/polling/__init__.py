"""Polling an instance: what is new is read, what a search left out is looked up, and all of it is kept.

`poll` has the order of it; the others are its parts. Knows the protocols of `monitor.sfcc` and the history,
never a document or an SQL text.
"""
