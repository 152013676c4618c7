"""One token for all threads: no two requests for it at once, none that has ended, none without need."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.sfcc.login.auth import ClientCredentials, Tokens, logged_in
from monitor.sfcc.login.authorization import BearerAuth
from monitor.sfcc.login.proof import BySecret

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
LIFE = 1800.0


class Answer:
    """As much of an answer as is read."""

    status = 200
    host = "account.example"
    date = NOW
    headers: Mapping[str, str] = {}

    def __init__(self, token: str, life: float) -> None:
        self._text = json.dumps({"access_token": token, "expires_in": life, "scope": "mail sfcc.jobs"})

    def body(self, limit: int = 0) -> bytes:
        del limit
        return self._text.encode()


class AccountManager:
    """In place of `Http`: gives tokens, as long as it is up; several at once are counted."""

    clock_offset = None

    def __init__(self, life: float = LIFE) -> None:
        self.given = 0
        self.is_up = True
        self.most_at_once = 0
        self.hold: Callable[[], object] = lambda: None
        self._life = life
        self._at_once = 0

    def ask(self, _outgoing: object, _auth: AuthBase, read: Callable[[Any], Any]) -> Any:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.hold()
            if not self.is_up:
                raise SfccError(Reason.NETWORK, "down", retryable=True)
            self.given += 1
            return read(Answer(f"token-{self.given}", self._life))
        finally:
            self._at_once -= 1


class Time:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def tokens_of(manager: Any, time: Time) -> Tokens:
    proof = BySecret("id", lambda: "secret")
    return Tokens(manager, "https://a.example/token", "id", proof, monotonic=time, now=lambda: NOW)


@given(
    st.lists(
        st.tuples(st.sampled_from(["use", "lose", "fail", "mend"]), st.floats(0, 900)),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=200)
def test_whatever_happens_nobody_is_given_a_token_that_has_ended(events: list[tuple[str, float]]) -> None:
    manager, time = AccountManager(), Time()
    tokens = tokens_of(manager, time)
    ends: dict[str, float] = {}
    for what, later in events:
        time.seconds += later
        if what in {"fail", "mend"}:
            manager.is_up = what == "mend"
            continue
        given_before = manager.given
        try:
            token = tokens.current()
        except SfccError:
            assert not manager.is_up
            assert not any(time.seconds < end - 60 for end in ends.values())
            continue
        if manager.given > given_before:
            ends[token.auth.token] = time.seconds + LIFE
        assert time.seconds < ends[token.auth.token]
        assert manager.given - given_before <= 1
        if what == "lose":
            tokens.drop(token.auth)
            ends.pop(token.auth.token)


@given(st.integers(1, 6), st.sampled_from(["none", "ended", "early"]))
@settings(max_examples=20, deadline=None)
def test_threads_share_one_request_for_a_token(threads: int, before: str) -> None:
    manager, time = AccountManager(), Time()
    tokens = tokens_of(manager, time)
    if before != "none":
        tokens.current()
        time.seconds += LIFE if before == "ended" else LIFE - 30
    first, everybody = manager.given, threading.Barrier(threads)
    found: list[str] = []

    def ask() -> None:
        everybody.wait(timeout=5)
        found.append(tokens.current().auth.token)

    crowd = [threading.Thread(target=ask) for _ in range(threads)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(timeout=5)
    assert len(found) == threads
    assert manager.given == first + 1
    assert manager.most_at_once == 1
    assert (
        set(found) <= {f"token-{first}", f"token-{first + 1}"} if before == "early" else len(set(found)) == 1
    )


def test_while_one_thread_renews_early_the_others_go_on_with_the_old_token() -> None:
    manager, time = AccountManager(), Time()
    tokens = tokens_of(manager, time)
    tokens.current()
    time.seconds += LIFE - 30
    asked, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        let_go.wait(5)

    manager.hold = hold
    renewing = threading.Thread(target=tokens.current)
    renewing.start()
    assert asked.wait(5)
    assert tokens.current().auth.token == "token-1"  # and does not wait for the other
    let_go.set()
    renewing.join(5)
    assert tokens.current().auth.token == "token-2"


def test_an_early_renewal_that_fails_disturbs_nobody_and_is_tried_again_in_a_while() -> None:
    manager, time = AccountManager(), Time()
    tokens = tokens_of(manager, time)
    tokens.current()
    manager.is_up = False
    tries: list[float] = []
    manager.hold = lambda: tries.append(time.seconds)
    time.seconds += LIFE - 59
    for _ in range(12):
        assert tokens.current().auth.token == "token-1"
        time.seconds += 1
    assert len(tries) == 2
    time.seconds += 45
    with pytest.raises(SfccError):
        tokens.current()
    manager.is_up = True
    assert tokens.current().auth.token == "token-2"


def test_what_the_token_is_good_for_is_known() -> None:
    login = ClientCredentials(tokens_of(AccountManager(), Time()))
    assert login.scopes() == {"mail", "sfcc.jobs"}


class Platform:
    """Takes some tokens and answers others with 401."""

    def __init__(self, *good: str) -> None:
        self.good = set(good)
        self.sent: list[str] = []

    def __call__(self, auth: AuthBase) -> str:
        assert isinstance(auth, BearerAuth)
        self.sent.append(auth.token)
        if auth.token not in self.good:
            raise SfccError(Reason.PERMISSION, "no", status=401)
        return "ok"


def test_the_first_401_of_a_fresh_token_is_a_missing_right_and_not_asked_twice() -> None:
    manager, platform = AccountManager(), Platform()
    login = ClientCredentials(tokens_of(manager, Time()))
    for _ in range(3):
        with pytest.raises(SfccError):
            logged_in(login, platform)
    assert platform.sent == ["token-1"] * 3
    assert manager.given == 1


def test_a_token_that_worked_and_is_refused_is_replaced_once() -> None:
    manager, platform = AccountManager(), Platform("token-1", "token-2")
    login = ClientCredentials(tokens_of(manager, Time()))
    assert logged_in(login, platform) == "ok"
    platform.good.remove("token-1")
    assert logged_in(login, platform) == "ok"
    assert platform.sent == ["token-1", "token-1", "token-2"]


def test_when_a_new_token_does_not_help_no_more_are_fetched_until_one_works() -> None:
    manager, platform = AccountManager(), Platform("token-1")
    login = ClientCredentials(tokens_of(manager, Time()))
    logged_in(login, platform)
    platform.good.clear()
    for _ in range(3):
        with pytest.raises(SfccError):
            logged_in(login, platform)
    assert manager.given == 2
    platform.good.update({"token-2", "token-3"})
    assert logged_in(login, platform) == "ok"
    platform.good.remove("token-2")
    assert logged_in(login, platform) == "ok"
    assert manager.given == 3


def test_an_old_token_is_replaced_once_also_where_it_never_worked() -> None:
    """It may have been ended since another API took it."""
    manager, time, platform = AccountManager(), Time(), Platform("token-2")
    tokens = tokens_of(manager, time)
    logged_in(ClientCredentials(tokens), Platform("token-1"))
    time.seconds += 600
    assert logged_in(ClientCredentials(tokens), platform) == "ok"
    assert platform.sent == ["token-1", "token-2"]


def test_an_api_that_refuses_a_token_does_not_cost_the_other_its_own() -> None:
    manager, time = AccountManager(), Time()
    tokens = tokens_of(manager, time)
    jobs, logs = ClientCredentials(tokens), ClientCredentials(tokens)
    for _ in range(5):
        logged_in(jobs, Platform("token-1", "token-2"))
        with pytest.raises(SfccError):
            logged_in(logs, Platform())
        time.seconds += 61
    assert manager.given == 2


def test_another_answer_than_401_shows_that_the_token_is_good() -> None:
    manager = AccountManager()
    login = ClientCredentials(tokens_of(manager, Time()))

    def not_found(_auth: AuthBase) -> None:
        raise SfccError(Reason.NOT_FOUND, "no", status=404)

    with pytest.raises(SfccError):
        logged_in(login, not_found)
    assert logged_in(login, Platform("token-2")) == "ok"
