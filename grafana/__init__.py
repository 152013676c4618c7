"""The dashboard, from code: what it asks Prometheus, and how it shows the answers.

Knows the names that the agent exports and Grafana's panels; imports nothing of the agent, which never
imports this. `python -m grafana` writes the JSON that is committed beside it.
"""

from grafana.overview import UID, overview, render

__all__ = ["UID", "overview", "render"]
