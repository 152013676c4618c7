"""A first settings file, with comments, from the few answers that are needed. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Draft:
    """`fields` are those of the instance but its name, by their names in the file; values are text or flags.

    Secrets are not among them: files that hold them are. target_file: holds an Apprise URL.
    """

    name: str
    fields: Mapping[str, str | bool] = field(default_factory=dict)
    target_file: str | None = None


COMMENTS = {
    "server": "the instance's own host, not the shop's domain",
    "webdav_server": "where logs are read from another host",
    "account_manager_host": "only where it is not account.demandware.com",
    "client_id": "made in Account Manager",
    "client_secret_file": "read when needed; may be replaced while the agent runs",
    "shortcode": "Business Manager > Administration > Site Development > Salesforce Commerce API Settings",
    "tenant_id": "with shortcode, SCAPI is used where it is allowed, else OCAPI",
    "timezone": "of the instance's schedules",
    "selfsigned": "takes any certificate: for sandboxes only",
}

HEADER = """\
# sfcc-job-monitor: `config check` reads this file, `check` tries what it names, `run` watches.
# All settings there are, with their defaults: sfcc-job-monitor.example.toml
"""

JOBS = """
# What a job is called in alerts, when it is due, how bad it is. Of several tables that match, later ones win.
# [[jobs]]
# match = "3-1-1-*"
# title = "Prices from Akeneo"
# cron = "0 2 * * *"
# owner = "pim-team"
# runbook = "https://wiki.example.com/imports"

# Jobs that must not run at the same time. Akeneo's are known without this.
# [[groups]]
# name = "imports"
# jobs = ["1-*", "2-*"]
"""

NO_TARGET = """
# Where alerts go: any Apprise URL, such as slack://TokenA/TokenB/TokenC or mailto://user:password@example.com
# [[targets]]
# name = "ops"
# url_file = "/run/secrets/chat"
"""


def toml_of(draft: Draft) -> str:
    return HEADER + "".join(f"{line}\n" for line in _instance(draft)) + _target(draft) + JOBS


def _instance(draft: Draft) -> Iterator[str]:
    yield "\n[[instances]]"
    yield _line("name", draft.name, "the label sfcc_instance")
    for name, value in draft.fields.items():
        yield _line(name, value, COMMENTS.get(name, ""))


def _target(draft: Draft) -> str:
    if draft.target_file is None:
        return NO_TARGET
    return f'\n[[targets]]\nname = "ops"\n{_line("url_file", draft.target_file, "holds an Apprise URL")}\n'


def _line(name: str, value: str | bool, comment: str) -> str:  # noqa: FBT001 - a value of the file
    given = f"{name} = {_value(value)}"
    return f"{given:<58} # {comment}" if comment else given


def _value(value: str | bool) -> str:  # noqa: FBT001 - as above
    """JSON's text is TOML's, but for the one control character that JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
