"""What a shell may complete: ids of jobs, names of instances. Never an error, whatever the settings are."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.settings import Settings


def job_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Of the state, as far as there is one."""
    del param
    from monitor.cli.common import existing_state_of
    from monitor.history import stats
    from monitor.history.engine import reading

    found: set[str] = set()
    with contextlib.suppress(MonitorError), reading(existing_state_of(_settings(ctx))) as connection:
        found = {one.job_id for one in stats.series(connection, ctx.params.get("instance"))}
    return [CompletionItem(one) for one in sorted(found) if one.startswith(incomplete)]


def instances(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Of the settings."""
    del param
    found: list[str] = []
    with contextlib.suppress(MonitorError):
        found = [one.name for one in _settings(ctx).instances]
    return [CompletionItem(one) for one in found if one.startswith(incomplete)]


def _settings(ctx: click.Context) -> Settings:
    """The command itself has not run yet, so nothing has taken up where they are."""
    from monitor.settings import load

    root = ctx.find_root()
    return load(root.obj or root.params.get("config"), os.environ, Path.cwd()).settings
