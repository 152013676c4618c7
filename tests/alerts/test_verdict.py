"""What becomes of a message that was not taken: the whole retry policy as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.model import DeliveryError, DeliveryReason
from alerts.verdict import (
    FILE_TRIES,
    MAX_AGE,
    PERMANENT_SPAN,
    PERMANENT_TRIES,
    PROBE_EVERY,
    Tries,
    Verdict,
    judge,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEW = Tries(created_at=NOON)

SERVER = DeliveryError(DeliveryReason.SERVER, "500", answered=True)
TOO_LARGE = DeliveryError(DeliveryReason.FILE_REFUSED, "413", answered=True)
DOWN = DeliveryError(DeliveryReason.NETWORK, "no route")
HANGS = DeliveryError(DeliveryReason.TIMEOUT, "no answer")
THROTTLED = DeliveryError(DeliveryReason.THROTTLED, "429", answered=True, retry_after=120)
REFUSED = DeliveryError(DeliveryReason.REFUSED, "400", permanent=True, answered=True)


def verdict(before: Tries, error: DeliveryError, *, had_file: bool = False, at: float = 0) -> Verdict:
    return judge(before, error, had_file=had_file, now=NOON + timedelta(seconds=at), jitter=1.0)


@pytest.mark.parametrize(
    ("error", "tries", "refused"),
    [
        pytest.param(SERVER, 1, None, id="a first refusal counts and the file travels again"),
        pytest.param(TOO_LARGE, 1, "413", id="a file too large stays behind at once"),
        pytest.param(REFUSED, 1, None, id="a permanent refusal may be the file's fault as well"),
        pytest.param(DOWN, 0, None, id="a target that is away says nothing about the file"),
        pytest.param(HANGS, 0, None, id="nor one that does not answer"),
        pytest.param(THROTTLED, 0, None, id="nor one that is busy"),
    ],
)
def test_a_try_with_the_file(error: DeliveryError, tries: int, refused: str | None) -> None:
    after = verdict(NEW, error, had_file=True).tries

    assert (after.file_tries, after.file_refused, after.with_file) == (tries, refused, refused is None)


def test_after_two_refused_tries_the_text_goes_alone_and_at_once() -> None:
    first = verdict(NEW, SERVER, had_file=True)
    second = verdict(first.tries, SERVER, had_file=True, at=5)

    assert FILE_TRIES == 2
    assert (second.tries.with_file, second.tries.file_refused) == (False, "500")
    assert second.retry_at == NOON + timedelta(seconds=5)


@pytest.mark.parametrize("error", [SERVER, DOWN, HANGS, REFUSED], ids=lambda error: error.reason)
def test_when_the_text_fails_too_the_file_was_not_the_reason(error: DeliveryError) -> None:
    text_only = replace(NEW, attempts=2, file_tries=2, file_refused="500")

    after = verdict(text_only, error, had_file=False, at=6)

    assert (after.tries.file_tries, after.tries.file_refused, after.tries.with_file) == (0, None, True)
    assert after.retry_at is not None
    assert after.retry_at > NOON + timedelta(seconds=6)


def test_a_target_that_is_down_for_long_uses_up_no_try_with_the_file() -> None:
    tries = NEW
    for number in range(100):
        tries = verdict(tries, DOWN, had_file=True, at=60 * number).tries
        assert tries.with_file
    assert tries.file_tries == 0


def test_of_tries_that_time_out_with_the_file_one_in_ten_goes_without_it() -> None:
    tries, with_file = NEW, []
    for number in range(2 * PROBE_EVERY):
        with_file.append(tries.with_file)
        tries = verdict(tries, HANGS, had_file=tries.with_file, at=60 * number).tries

    assert [number for number, one in enumerate(with_file) if not one] == [9, 19]


@pytest.mark.parametrize(
    ("refusals", "seconds", "dead"),
    [
        pytest.param(PERMANENT_TRIES - 2, 3600, False, id="four refusals are not enough"),
        pytest.param(PERMANENT_TRIES - 1, 599, False, id="five within ten minutes neither"),
        pytest.param(PERMANENT_TRIES - 1, 600, True, id="five over ten minutes are"),
    ],
)
def test_a_message_refused_for_good(refusals: int, seconds: float, dead: bool) -> None:  # noqa: FBT001 - a column
    before = replace(NEW, attempts=refusals, refusals=refusals, refused_since=NOON)

    after = verdict(before, REFUSED, at=seconds)

    assert timedelta(seconds=600) == PERMANENT_SPAN
    assert (after.retry_at is None, bool(after.dead)) == (dead, dead)


def test_one_refusal_after_a_long_outage_does_not_lose_the_message() -> None:
    tries = NEW
    for number in range(100):
        tries = verdict(tries, DOWN, at=60 * number).tries

    assert verdict(tries, REFUSED, at=6001).retry_at is not None


def test_another_kind_of_failure_starts_the_count_of_refusals_anew() -> None:
    before = replace(NEW, attempts=4, refusals=4, refused_since=NOON)

    after = verdict(before, DOWN, at=3600).tries

    assert (after.refusals, after.refused_since) == (0, None)


def test_with_a_file_no_refusal_is_final() -> None:
    before = replace(NEW, attempts=9, refusals=9, refused_since=NOON)

    assert verdict(before, REFUSED, had_file=True, at=3600).retry_at is not None


@pytest.mark.parametrize(
    ("age", "dead"),
    [
        pytest.param(MAX_AGE - timedelta(seconds=1), False, id="within three days it is tried"),
        pytest.param(MAX_AGE, True, id="after three days it is given up"),
    ],
)
def test_a_target_that_stays_away(age: timedelta, dead: bool) -> None:  # noqa: FBT001 - a column
    after = verdict(replace(NEW, attempts=900), DOWN, at=age.total_seconds())

    assert (after.retry_at is None) == dead


def test_a_throttled_message_waits_as_long_as_the_target_asks() -> None:
    assert verdict(NEW, THROTTLED).retry_at == NOON + timedelta(seconds=120)


def test_the_last_error_names_its_reason() -> None:
    assert verdict(NEW, DOWN).tries.last_error == "network: no route"
