"""The agent: access to SFCC, history, detection, metrics and the command line."""

__version__ = "0.1.0"
