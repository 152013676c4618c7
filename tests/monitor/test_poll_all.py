from __future__ import annotations

import itertools

from alerts.testing import RecordingNotifier
from monitor.app import App
from monitor.errors import Reason
from tests.monitor.conftest import Night


def test_a_defect_of_ours_at_one_instance_is_said_and_the_others_are_polled(night: Night) -> None:
    answers = itertools.count(1)

    def crossed(what: str) -> None:
        if what.startswith("after a request") and next(answers) == 1:
            raise RuntimeError("nobody thought of this")

    names = ("first", "second", "third")
    instances = [night.settings(name).instances[0] for name in names]
    settings = night.settings().model_copy(update={"instances": instances})
    app = App(settings, clock=night.clock, notifiers={"chat": RecordingNotifier("chat")}, crossing=crossed)
    results = app.poll_all()
    app.engine.dispose()
    assert [one.instance for one in results] == list(names)
    assert [one.reason for one in results] == [Reason.PROTOCOL, None, None]
    assert results[0].message == "this should not happen (RuntimeError): the log has the details"
