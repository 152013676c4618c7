"""Reading what the library logged: every kind of outcome, and that nothing of it is passed on."""

from __future__ import annotations

import pytest

from alerts.channels.outcome import explain
from alerts.model import DeliveryReason

R = DeliveryReason


@pytest.mark.parametrize(
    ("line", "reason", "permanent", "answered"),
    [
        ("Failed to send: Bad Request - Unsupported Parameters., error=400.", R.REFUSED, True, True),
        ("Failed: Verification Failed., error=401.", R.CREDENTIALS, True, True),
        ("Failed: error=403.", R.CREDENTIALS, True, True),
        ("Failed: Page not found., error=404.", R.REFUSED, True, True),
        ("Failed: error=408.", R.TIMEOUT, False, False),
        ("Failed: error=429.", R.THROTTLED, False, True),
        ("Failed: error=302.", R.REFUSED, True, True),
        ("Failed: Internal server error., error=500.", R.SERVER, False, True),
        ("Failed: error=502.", R.SERVER, False, False),
        ("Failed: Servers are overloaded., error=503.", R.SERVER, False, False),
        ("Failed: error=599.", R.SERVER, False, True),
        ("Socket Exception: (421, b'try later')", R.SERVER, False, False),
        ("Socket Exception: (451, b'error')", R.SERVER, False, True),
        ("Socket Exception: (535, b'5.7.8 bad credentials')", R.CREDENTIALS, True, True),
        ("Socket Exception: {'a@b.c': (550, b'no such user')}", R.REFUSED, True, True),
        ("SMTP recipient a@b.c was refused: 550 b'no such user'", R.REFUSED, True, True),
        ("A Connection error occurred sending JSON notification to host.", R.NETWORK, False, False),
        ("Socket Exception: [Errno 111] Connection refused", R.NETWORK, False, False),
        ("Socket Exception: HTTPConnectionPool(host='x'): Read timed out.", R.TIMEOUT, False, False),
        ("Something nobody foresaw.", R.UNKNOWN, False, True),
    ],
)  # fmt: skip
def test_one_line(line: str, reason: DeliveryReason, permanent: bool, answered: bool) -> None:  # noqa: FBT001 - columns
    error = explain([line], had_file=False)

    assert (error.reason, error.permanent, error.answered) == (reason, permanent, answered)


@pytest.mark.parametrize("line", ["error=413.", "Socket Exception: (552, b'message size exceeds', 'a@b.c')"])
def test_a_message_too_large_is_blamed_on_its_file_if_it_had_one(line: str) -> None:
    with_file, without = explain([line], had_file=True), explain([line], had_file=False)

    assert (with_file.reason, with_file.permanent) == (R.FILE_REFUSED, False)
    assert (without.reason, without.permanent) == (R.REFUSED, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[Errno 111] Connection refused", "the connection was refused"),
        ("NameResolutionError(\"Failed to resolve 'x.invalid'\")", "its name was not found"),
        ("[Errno -2] Name or service not known", "its name was not found"),
        ("[Errno -3] Temporary failure in name resolution", "its name was not found"),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed'))",
            "its certificate is not accepted (TLS)",
        ),
        ("SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong version number')", "no TLS connection came about"),
        ("[Errno 113] No route to host", "there is no way to it"),
        ("('Connection aborted.', RemoteDisconnected('closed'))", "the connection was cut off"),
        ("[Errno 104] Connection reset by peer", "the connection was cut off"),
    ],
)
def test_why_a_target_could_not_be_reached(line: str, said: str) -> None:
    error = explain(["A Connection error occurred.", f"Socket Exception: {line}"], had_file=False)

    assert (error.reason, str(error)) == (R.NETWORK, f"the target could not be reached: {said}")


def test_the_last_answer_counts() -> None:
    assert explain(["error=500.", "error=413.", "chatter"], had_file=True).reason is R.FILE_REFUSED


def test_nothing_of_the_lines_is_passed_on() -> None:
    for line in (
        "to https://hooks/SECRET error=404.",
        "Connection error to SECRET",
        "SECRET",
        "(550, b'SECRET')",
    ):
        assert "SECRET" not in str(explain([line], had_file=False))
