"""A sample alert is an alert to the eye, and a test to whoever reads it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.model import BodyFormat, Capabilities
from monitor.sample import sample_message

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("format_", BodyFormat)
def test_title_and_body_say_that_it_is_a_test(format_: BodyFormat) -> None:
    message = sample_message(Capabilities(format=format_), "id", NOW)
    assert message.title == "TEST: failed: sample-job on sample"
    assert "TEST: this is what a failed job looks like here" in message.body
    assert [file.name for file in message.files] == ["sample-job.log"]


@pytest.mark.parametrize("most", [10, 250])
def test_the_title_is_no_longer_than_the_target_takes(most: int) -> None:
    message = sample_message(Capabilities(title_max=most), "id", NOW)
    assert message.title.startswith("TEST: ")
    assert len(message.title) <= most


def test_where_a_title_has_no_place_of_its_own_it_is_marked_too() -> None:
    assert sample_message(Capabilities(title_max=0), "id", NOW).title.startswith("TEST: ")
