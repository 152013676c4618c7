"""Names a person typed, held against those there are: a wrong one is an error with the right ones in it."""

from __future__ import annotations

import getpass
from collections.abc import Collection
from difflib import get_close_matches

from sqlalchemy import Connection

from monitor.errors import MonitorError
from monitor.history import stats
from monitor.settings import Settings

MOST = 10
"""More names than these are not listed."""


def instances(connection: Connection, settings: Settings) -> list[str]:
    """Those of the settings, and those of the state, which may have left the settings since."""
    stored = {one.instance for one in stats.cursors(connection)}
    return sorted(stored | {one.name for one in settings.instances})


def need_instance(known: Collection[str], name: str | None) -> None:
    if name is not None and name not in known:
        raise MonitorError(f"there is no instance {name!r} (--instance); {among(name, known)}")


def need_job(connection: Connection, job: str, instance: str | None) -> None:
    ids = sorted({one.job_id for one in stats.series(connection, instance)})
    if job in ids:
        return
    where = f" on {instance}" if instance else ""
    near = alike(job, ids)
    guess = f"; did you mean {' or '.join(near)}?" if near else ";"
    raise MonitorError(
        f"nothing is known of the job {job!r}{where}{guess} `sfcc-job-monitor jobs` lists those known"
    )


def among(name: str, known: Collection[str]) -> str:
    """What there is, or of many what looks like it."""
    if not known:
        return "there is none"
    if len(known) <= MOST:
        return f"there {'is' if len(known) == 1 else 'are'} {', '.join(sorted(known))}"
    near = alike(name, known)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {len(known)} others"


def alike(name: str, known: Collection[str]) -> list[str]:
    """Up to three that look like it or contain it."""
    within = [one for one in sorted(known) if name and name.lower() in one.lower()]
    close = get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    return list(dict.fromkeys([*close, *within]))[:3]


def user() -> str:
    """Who types; a container may run as a number that no one has."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
