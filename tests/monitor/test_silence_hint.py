"""The command that an alert names silences just that, whatever the job is called."""

from __future__ import annotations

import shlex

import pytest

from alerts.routing.matching import Match
from alerts.testing import incident
from monitor.telling import how_to_silence


@pytest.mark.parametrize("job", ["3-1-1 Import", "it's", "import[1]*", "3-*", "$HOME `x`"])
def test_the_command_matches_the_job_and_no_other(job: str) -> None:
    one = incident(job, labels={"job_id": job, "sfcc_instance": "production"})
    label, command = how_to_silence(one)
    words = shlex.split(command)
    assert (label, words[:3]) == ("To silence", ["sfcc-job-monitor", "silence", "add"])
    options = dict(zip(words[3::2], words[4::2], strict=False))
    match = Match({"job_id": (options["--job"],)})
    assert match.takes({"job_id": (job,)})
    assert not match.takes({"job_id": (f"{job} 2",)})
    assert (options["--condition"], options["--instance"]) == ("failed", "production")


def test_of_what_is_of_an_instance_no_job_is_named() -> None:
    one = incident("production", labels={"sfcc_instance": "production"}, condition="blind")
    assert "--job" not in how_to_silence(one)[1]
