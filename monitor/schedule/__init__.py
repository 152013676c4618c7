"""When jobs are due: configured schedules to instants. Pure; time zones and calendars live here only.

Knows no settings, no SQL and no clock. The idea that holds it together: a schedule speaks of times of
day as a wall clock shows them (`calendar`), and only then is each of them found on the one line of
real time (`walltime`), where a day may lack an hour or have one twice.
"""

from monitor.schedule.cron import parse_cron
from monitor.schedule.model import WEEKDAYS, Schedule
from monitor.schedule.timetable import NO_TIMETABLE, Revision, Slot, Source, Timetable
from monitor.schedule.window import Window, outside

__all__ = [
    "NO_TIMETABLE",
    "WEEKDAYS",
    "Revision",
    "Schedule",
    "Slot",
    "Source",
    "Timetable",
    "Window",
    "outside",
    "parse_cron",
]
