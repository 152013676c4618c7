"""A run's log on its way out of the platform: whole, followed while it grows, or as an alert's attachment.

Where readers of `monitor.sfcc`, masking and what the history knows of a run meet.
"""
