"""Alerts: incidents, routing, outbox, rendering, delivery. Imports nothing of the monitor."""
