from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.sfcc.connect import Access, Connection
from monitor.sfcc.http import Http
from monitor.sfcc.login.auth import ClientCredentials, Tokens, logged_in
from monitor.sfcc.login.authorization import BasicAuth, BearerAuth
from monitor.sfcc.login.logins import ApiClient, WebDavUser
from monitor.sfcc.login.proof import BySecret
from monitor.sfcc.retry import Pace
from monitor.sfcc.session import new_session
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator, World

Connect = Callable[..., Connection]
Answers = Callable[[Any], tuple[int, bytes, Mapping[str, str]]]
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


class Time:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def client_of(time: Time) -> Iterator[Callable[..., ClientCredentials]]:
    """Credentials against the token endpoint at that URL."""
    with new_session(ca_file=None, verify=True) as session:

        def make(
            url: str,
            client_id: str = DEMO_CLIENT_ID,
            secret: Callable[[], str] = lambda: DEMO_CLIENT_SECRET,
            scope: str = "",
        ) -> ClientCredentials:
            pace = Pace(lambda: NOW, time, lambda _seconds: None, lambda: 0.5)
            http = Http("token", session, pace, lambda _api, _outcome: None)
            proof = BySecret(client_id, secret, "header")
            token_url = f"{url}/dwsso/oauth2/access_token"
            return ClientCredentials(
                Tokens(http, token_url, client_id, proof, monotonic=time, now=lambda: NOW, scope=scope)
            )

        yield make


def granted(token: str, **more: Any) -> tuple[int, bytes, Mapping[str, str]]:
    return 200, json.dumps({"access_token": token, "token_type": "Bearer"} | more).encode(), {}


def granting(**more: Any) -> tuple[Answers, list[Any]]:
    """A script that gives a new token each time, and the requests it was asked with."""
    asked: list[Any] = []

    def script(request: Any) -> tuple[int, bytes, Mapping[str, str]]:
        asked.append(request)
        return granted(f"token-{len(asked)}", **more)

    return script, asked


@pytest.mark.parametrize(
    ("life", "kept_until"),
    [
        pytest.param(1800, 1740.0, id="half an hour: renewed a minute before its end"),
        pytest.param(100, 90.0, id="a short one: renewed when a tenth is left"),
        pytest.param(None, 1740.0, id="unsaid: taken for half an hour"),
        pytest.param("1800", 1740.0, id="said in a wrong way: the same"),
        pytest.param(-5, 1740.0, id="nonsense: the same"),
    ],
)
def test_a_token_is_kept_until_shortly_before_its_end(
    life: Any, kept_until: float, client_of: Callable[..., ClientCredentials], scripted: Any, time: Time
) -> None:
    script, asked = granting(expires_in=life)
    client = client_of(scripted(script))
    first = client.auth()
    time.seconds += kept_until - 0.01
    assert client.auth() is first
    time.seconds += 0.02
    assert client.auth().token == "token-2"
    assert len(asked) == 2


def test_threads_share_one_request_for_a_token(
    client_of: Callable[..., ClientCredentials], scripted: Any
) -> None:
    everybody = threading.Barrier(8)
    script, asked = granting()
    client = client_of(scripted(script))

    def ask() -> str:
        everybody.wait(timeout=5)
        return client.auth().token

    with ThreadPoolExecutor(8) as pool:
        tokens = {future.result() for future in [pool.submit(ask) for _ in range(8)]}
    assert tokens == {"token-1"}
    assert len(asked) == 1


def test_many_threads_with_one_bad_token_get_one_new_one(
    client_of: Callable[..., ClientCredentials], scripted: Any
) -> None:
    script, asked = granting()
    client = client_of(scripted(script))
    bad = client.auth()
    client.accepted(bad)
    for _ in range(5):
        assert client.refused(bad)
        assert client.auth().token == "token-2"
    assert len(asked) == 2


def test_id_and_secret_are_form_encoded_before_they_become_basic(
    client_of: Callable[..., ClientCredentials], scripted: Any
) -> None:
    script, asked = granting()
    client_of(scripted(script), client_id="id:1", secret=lambda: "a+b %ü/").auth()
    (request,) = asked
    assert request.method == "POST"
    assert request.path == "/dwsso/oauth2/access_token"
    assert request.body == b"grant_type=client_credentials"
    word = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    assert word == "id%3A1:a%2Bb+%25%C3%BC%2F"


def test_a_scope_is_asked_for_where_one_is_wanted(
    client_of: Callable[..., ClientCredentials], scripted: Any
) -> None:
    script, asked = granting()
    client_of(scripted(script), scope="sfcc.jobs SALESFORCE_COMMERCE_API:zzxy_prd").auth()
    assert b"scope=sfcc.jobs+SALESFORCE_COMMERCE_API%3Azzxy_prd" in asked[0].body


def test_the_secret_is_read_anew_for_each_token(
    client_of: Callable[..., ClientCredentials], scripted: Any
) -> None:
    script, asked = granting()
    secrets = ["old", "new"]
    client = client_of(scripted(script), secret=lambda: secrets.pop(0))
    client.accepted(client.auth())
    client.refused(client.auth())
    client.auth()
    assert len({request.headers["Authorization"] for request in asked}) == 2


def test_a_secret_that_cannot_be_read_is_said(client_of: Callable[..., ClientCredentials]) -> None:
    def read() -> str:
        raise FileNotFoundError(2, "No such file or directory", "/run/secrets/ocapi")

    with pytest.raises(SfccError, match="client secret cannot be read: No such file") as caught:
        client_of("http://127.0.0.1:1", secret=read).auth()
    assert caught.value.reason is Reason.CREDENTIALS


def error(code: str, status: int = 401) -> tuple[int, bytes, Mapping[str, str]]:
    text = f"secret {DEMO_CLIENT_SECRET} is wrong"
    return status, json.dumps({"error": code, "error_description": text}).encode(), {}


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        pytest.param(
            error("invalid_client"), Reason.CREDENTIALS, "check client_id and client_secret", id="login"
        ),
        pytest.param(
            error("unauthorized_client", 400), Reason.CREDENTIALS, "client_secret_basic", id="a broken escape"
        ),
        pytest.param((401, b"", {}), Reason.CREDENTIALS, "does not accept the API client", id="bare 401"),
        pytest.param(error("invalid_scope", 400), Reason.PERMISSION, "to its Allowed Scopes", id="scope"),
        pytest.param(error("invalid_request", 400), Reason.REFUSED, "(400, invalid_request)", id="other"),
        pytest.param(
            error("Xy " * 30, 400), Reason.REFUSED, "refuses the request (400)", id="a made-up code"
        ),
        pytest.param((404, b"", {}), Reason.NOT_FOUND, "check account_manager_host", id="wrong address"),
        pytest.param(
            (200, b"<html><title>Log in</title></html>", {}), Reason.PROTOCOL, 'a page "Log in"', id="a page"
        ),
        pytest.param((200, b"{}", {}), Reason.PROTOCOL, "sent no access token", id="no token"),
        pytest.param(granted(""), Reason.PROTOCOL, "sent no access token", id="an empty token"),
        pytest.param(granted("a\r\nX-Evil: 1"), Reason.PROTOCOL, "sent no access token", id="a header in it"),
        pytest.param((302, b"", {"Location": "/x"}), Reason.PROTOCOL, "redirects", id="redirect"),
        pytest.param((500, b"", {}), Reason.SERVER, "has trouble of its own (500)", id="trouble"),
        pytest.param(
            (503, b"<title>Planned maintenance</title>", {}),
            Reason.MAINTENANCE,
            "is down for",
            id="maintenance",
        ),
    ],
)
def test_why_there_is_no_token(
    answer: Any, reason: Reason, text: str, client_of: Callable[..., ClientCredentials], scripted: Any
) -> None:
    with pytest.raises(SfccError) as caught:
        client_of(scripted(lambda _asked: answer)).auth()
    assert caught.value.reason is reason
    assert text in str(caught.value)
    assert DEMO_CLIENT_SECRET not in str(caught.value)


def test_after_a_failure_the_next_call_asks_again(
    client_of: Callable[..., ClientCredentials], scripted: Any
) -> None:
    answers = [error("invalid_client"), granted("good")]
    client = client_of(scripted(lambda _asked: answers.pop(0)))
    with pytest.raises(SfccError):
        client.auth()
    assert client.auth().token == "good"


def test_a_token_that_ends_early_is_renewed_in_the_middle_of_things(
    world: World, connection: Connection, simulator: Simulator
) -> None:
    world.start("import")
    for _ in range(3):
        (page,) = connection.jobs.recent(world.now(), {})
        assert len(page.executions) == 1
        simulator.world.account_manager.revoke_all()
    assert [record.api for record in world.requests if record.status == 200] == ["token", "search"] * 3


def test_tokens_that_end_again_and_again_are_not_kept_for_that(world: World, connection: Connection) -> None:
    list(connection.jobs.recent(world.now(), {}))
    world.faults.revoked("search", n=4)
    for _ in range(2):
        with pytest.raises(SfccError, match="not even a new one"):
            list(connection.jobs.recent(world.now(), {}))
    assert list(connection.jobs.recent(world.now(), {})) == []


@pytest.mark.parametrize(("later", "renews"), [(599.0, ""), (601.0, "yes")], ids=["before", "after"])
def test_a_new_token_that_did_not_help_is_followed_by_another_after_ten_minutes(
    client_of: Callable[..., ClientCredentials],
    scripted: Callable[..., str],
    time: Time,
    later: float,
    renews: str,
) -> None:
    script, _ = granting(expires_in=1799)
    client = client_of(scripted(script))
    client.accepted(client.auth())
    assert client.refused(client.auth())
    time.seconds += 1.0
    client.auth()
    time.seconds += later
    assert client.refused(client.auth()) is bool(renews)


def test_a_secret_with_odd_characters_opens_the_simulator(world: World, connect_with: Connect) -> None:
    world.account_manager.add_client("odd client", "p+q%r /&=ü")
    jobs = connect_with(ocapi=ApiClient("odd client", lambda: "p+q%r /&=ü")).jobs
    assert list(jobs.recent(world.now(), {})) == []


def refusal(status: int = 401, fault_type: str | None = None) -> SfccError:
    return SfccError(Reason.PERMISSION, "no", status=status, fault_type=fault_type)


class Doorman:
    """A login that counts what it is told."""

    def __init__(self, *, renews: bool = True) -> None:
        self.told = 0
        self.welcomed = 0
        self._renews = renews

    def auth(self) -> AuthBase:
        return BearerAuth(f"token-{self.told}")

    def refused(self, auth: AuthBase, *, has_ended: bool = False) -> bool:
        assert isinstance(auth, BearerAuth)
        assert not has_ended
        self.told += 1
        return self._renews

    def accepted(self, auth: AuthBase) -> None:
        assert isinstance(auth, BearerAuth)
        self.welcomed += 1

    def turn(self) -> Any:
        raise AssertionError("not asked for here")


@pytest.mark.parametrize(
    ("error_", "renews", "sent"),
    [
        pytest.param(refusal(), True, 2, id="401: once more with a new token"),
        pytest.param(refusal(401, "InvalidAccessTokenException"), True, 2, id="a bad token: once more"),
        pytest.param(refusal(401, "ClientAccessForbiddenException"), True, 1, id="a missing right: no more"),
        pytest.param(refusal(403), True, 1, id="403: no more"),
        pytest.param(refusal(), False, 1, id="401 and nothing new to try"),
    ],
)
def test_when_a_new_login_is_tried(error_: SfccError, renews: object, sent: int) -> None:
    tried: list[AuthBase] = []

    def send(auth: AuthBase) -> None:
        tried.append(auth)
        raise error_

    with pytest.raises(SfccError):
        logged_in(Doorman(renews=bool(renews)), send)
    assert len(tried) == sent


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (BearerAuth("abc"), "Bearer abc"),
        (BasicAuth("jdoe", "kéy"), f"Basic {base64.b64encode('jdoe:kéy'.encode()).decode()}"),
    ],
)
def test_headers(auth: AuthBase, header: str) -> None:
    request = requests.Request("GET", "https://example.com", auth=auth).prepare()
    assert request.headers["Authorization"] == header


def test_no_repr_shows_a_secret(client_of: Callable[..., ClientCredentials]) -> None:
    access = Access(
        "p",
        "a.example",
        "b.example",
        ApiClient("client", lambda: "hidden"),
        WebDavUser("jdoe", lambda: "hidden"),
    )
    shown = [
        access,
        client_of("http://x", secret=lambda: "hidden"),
        BasicAuth("u", "hidden"),
        BearerAuth("hidden"),
    ]
    assert "hidden" not in repr(shown)
    assert base64.b64encode(b"u:hidden").decode() not in repr(shown)


def test_the_platform_may_end_all_tokens_while_the_clock_runs_fast(
    world: World, connect_with: Connect
) -> None:
    """A life of a few seconds does not lead to a token for each request."""
    world.account_manager.expires_in = 20
    jobs = connect_with().jobs
    for _ in range(3):
        list(jobs.recent(world.now() - timedelta(hours=1), {}))
    assert [record.api for record in world.requests] == ["token", "search", "search", "search"]
