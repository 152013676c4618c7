"""Whether alerts arrive: a sample message to each target, as `test-alert` sends it. On request only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from alerts.model import DeliveryError
from alerts.notifier import Notifier
from monitor.checkup.model import Outcome, Step, What
from monitor.errors import SettingsError
from monitor.sample import send_sample
from monitor.settings import Settings
from monitor.targets import notifiers_for


def try_targets(settings: Settings, now: datetime) -> list[Step]:
    """A step for each target; one of its own where they cannot be used, or where there is none."""
    try:
        notifiers = notifiers_for(settings)
    except SettingsError as error:
        return [Step("", What.TARGET, "", Outcome.FAILED, problem) for problem in error.problems]
    if not notifiers:
        text = "no target is set: name [[targets]] in the settings, or set APPRISE_URLS"
        return [Step("", What.TARGET, "", Outcome.FAILED, text)]
    return list(_tried(notifiers, now))


def _tried(notifiers: Mapping[str, Notifier], now: datetime) -> Iterator[Step]:
    for name, notifier in notifiers.items():
        try:
            text = send_sample(notifier, now)
        except DeliveryError as error:
            yield Step("", What.TARGET, name, Outcome.FAILED, str(error), str(error.reason))
        else:
            yield Step("", What.TARGET, name, Outcome.OK, f"took the sample {text}")
