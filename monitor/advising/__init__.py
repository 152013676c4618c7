"""What the timetable of the coming days will run into, and which change would prevent it. Pure.

Knows slots, usual durations and groups; no history and no SQL. Runs are taken to start at their slots and to
take as long as they usually do: durations are log-normal, as the baseline has them.
"""

from monitor.advising.advice import advise
from monitor.advising.model import Change, Job, Kind, Prediction, Week

__all__ = ["Change", "Job", "Kind", "Prediction", "Week", "advise"]
