"""What is tried at an instance, and what each refusal leaves of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from monitor.checkup.model import Outcome, Step, What, exit_code
from monitor.checkup.permissions import Document, ocapi_entry, webdav_entry
from monitor.clock import ManualClock
from monitor.simulator import DEMO_ACCESS_KEY, DEMO_CLIENT_ID, DEMO_USER, Simulator, World
from tests.monitor.checkup.conftest import NIGHT, Inspect

NOWHERE = "http://127.0.0.1:9"


class Row(NamedTuple):
    what: What
    api: str
    outcome: Outcome


def bad(steps: Sequence[Step]) -> list[Row]:
    return [
        Row(step.what, step.api, step.outcome)
        for step in steps
        if step.outcome in {Outcome.FAILED, Outcome.WARNING}
    ]


def detail(steps: Sequence[Step], what: What) -> str:
    (found,) = [step.detail for step in steps if step.what is what]
    return found


def test_where_all_is_granted_every_step_is_ok(inspect: Inspect) -> None:
    steps = inspect().look()
    assert {step.outcome for step in steps} == {Outcome.OK}
    assert [step.what for step in steps] == [
        What.NAME,
        What.TOKEN,
        What.SEARCH,
        What.EXECUTION,
        What.LOG,
        What.IMPORT_LOG,
        What.CLOCK,
    ]
    assert "of prices" in detail(steps, What.EXECUTION)
    assert detail(steps, What.LOG).startswith("Job-prices-")
    assert exit_code(steps) == 0


RIGHTS = {
    "search": (What.SEARCH, "ocapi", ocapi_entry(DEMO_CLIENT_ID), Document.OCAPI.page),
    "execution": (What.EXECUTION, "ocapi", ocapi_entry(DEMO_CLIENT_ID), Document.OCAPI.page),
    "webdav": (What.LOG, "webdav", webdav_entry(DEMO_CLIENT_ID), Document.WEBDAV.page),
}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("right", RIGHTS)
def test_one_missing_right_is_one_bad_row_with_what_to_paste_and_where(
    right: str, status: int, world: World, inspect: Inspect
) -> None:
    world.permissions.denied_status = status
    setattr(world.permissions, right, False)
    inspection = inspect()
    steps = inspection.look()
    what, api, entry, page = RIGHTS[right]
    assert bad(steps) == [(what, api, Outcome.FAILED)]
    (remedy,) = [step.remedy for step in steps if step.outcome is Outcome.FAILED]
    assert remedy is not None
    assert (remedy.entry, remedy.page) == (entry, page)
    assert exit_code(steps) == 1
    setattr(world.permissions, right, True)
    assert bad(inspection.look()) == []


def test_what_is_not_needed_is_no_failure(world: World, inspect: Inspect) -> None:
    world.permissions.folders = frozenset({"/logs"})
    steps = inspect().look()
    assert bad(steps) == []
    assert "not needed" in detail(steps, What.IMPORT_LOG)
    assert exit_code(steps) == 0


def test_without_any_run_rights_show_in_what_is_said_not_to_be_there(inspect: Inspect, world: World) -> None:
    clock = ManualClock(NIGHT + timedelta(days=20))
    world.clock.advance(timedelta(days=20))  # type: ignore[attr-defined] # of the manual one
    steps = inspect(clock).look()
    assert bad(steps) == []
    assert "no run of your jobs seen, looking back 7 days" in detail(steps, What.SEARCH)
    assert "asked for a run that does not exist" in detail(steps, What.EXECUTION)
    assert "one that does not exist was asked for" in detail(steps, What.LOG)
    world.permissions.execution = world.permissions.webdav = False
    assert [row.what for row in bad(inspect(clock).look())] == [What.EXECUTION, What.LOG]


def test_a_path_that_only_the_look_up_tells_is_read(inspect: Inspect, world: World) -> None:
    world.quirks.log_path_in_hits = False
    assert detail(inspect().look(), What.LOG).startswith("Job-prices-")


def test_a_log_that_is_gone_after_days_is_no_missing_permission(inspect: Inspect, world: World) -> None:
    world.quirks.log_archive_after, world.quirks.log_archive = timedelta(), None
    late = ManualClock(NIGHT + timedelta(days=4))
    world.clock.advance(timedelta(days=4))  # type: ignore[attr-defined] # of the manual one
    steps = inspect(late).look()
    assert bad(steps) == []
    assert "is gone, as logs are after days" in detail(steps, What.LOG)


def test_a_log_of_just_now_that_is_not_there_is_warned_of(inspect: Inspect, world: World) -> None:
    world.quirks.log_archive_after, world.quirks.log_archive = timedelta(), None
    steps = inspect().look()
    assert bad(steps) == [(What.LOG, "webdav", Outcome.WARNING)]
    assert "No permission is missing" in detail(steps, What.LOG)


def test_a_wrong_secret_closes_what_lies_behind_it(inspect: Inspect) -> None:
    steps = inspect(client_secret="not-the-secret").look()
    assert bad(steps) == [(What.TOKEN, "ocapi", Outcome.FAILED)]
    assert {step.detail for step in steps if step.what in {What.SEARCH, What.EXECUTION, What.LOG}} == {
        "there is no token for OCAPI"
    }
    assert "not-the-secret" not in str(steps)
    assert exit_code(steps) == 1


def test_a_user_reads_logs_without_a_token(inspect: Inspect, world: World) -> None:
    user = {"username": DEMO_USER, "password": DEMO_ACCESS_KEY}
    world.permissions.webdav = False  # of API clients
    assert bad(inspect(**user).look()) == []
    steps = inspect(**user, client_secret="wrong").look()
    assert bad(steps) == [(What.TOKEN, "ocapi", Outcome.FAILED)]
    assert "may read /logs" in detail(steps, What.LOG)


def test_a_wrong_access_key_is_tried_once_however_often_one_looks(inspect: Inspect, world: World) -> None:
    inspection = inspect(username=DEMO_USER, password="wrong-key")
    for _ in range(3):
        steps = inspection.look()
        assert bad(steps) == [(What.LOG, "webdav", Outcome.FAILED)]
        assert detail(steps, What.IMPORT_LOG) == "the login was refused"
    assert [one.status for one in world.requests if one.api == "webdav"] == [401]


def test_an_instance_nobody_answers_for_is_one_bad_row(inspect: Inspect) -> None:
    steps = inspect(server=NOWHERE).look()
    assert bad(steps) == [(What.SEARCH, "ocapi", Outcome.FAILED)]
    assert "cannot be reached: see job search" in detail(steps, What.LOG)


def test_where_nothing_can_be_reached_the_exit_code_says_so(inspect: Inspect) -> None:
    steps = inspect(server=NOWHERE, account_manager_host=NOWHERE).look()
    assert bad(steps) == [(What.TOKEN, "ocapi", Outcome.FAILED)]
    assert exit_code(steps) == 3


def test_a_name_that_does_not_exist_closes_its_host_alone(inspect: Inspect) -> None:
    steps = inspect(server="no-such-instance.invalid").look()
    assert [row.what for row in bad(steps)] == [What.NAME]
    assert "cannot be resolved" in str([step.detail for step in steps])
    assert {step.outcome for step in steps if step.what is What.TOKEN} == {Outcome.OK}


def test_a_storefront_is_known_by_what_it_answers(inspect: Inspect, world: World) -> None:
    world.faults.storefront("search")
    world.faults.storefront("execution")
    steps = inspect().look()
    assert [row.what for row in bad(steps)] == [What.SEARCH, What.EXECUTION]
    remedies = [step.remedy for step in steps if step.outcome is Outcome.FAILED]
    assert all(one is not None and one.how.startswith("no permission is missing") for one in remedies)
    assert all(one is not None and "storefront's domain" in one.how for one in remedies)


@pytest.mark.parametrize(
    ("spoil", "kind", "reason"),
    [
        pytest.param(
            lambda world: world.faults.asleep("*", after=1, n=None), "sandbox", "asleep", id="asleep"
        ),
        pytest.param(
            lambda world: world.faults.maintenance("*", after=1, n=None),
            "production",
            "maintenance",
            id="maintenance",
        ),
    ],
)
def test_an_instance_that_is_down_on_purpose_is_said_so(
    spoil: Callable[[World], object], kind: str, reason: str, world: World, inspect: Inspect
) -> None:
    """Its token, the first request, comes from elsewhere."""
    spoil(world)
    steps = inspect(type=kind).look()
    assert [(step.what, step.reason) for step in steps if step.outcome is Outcome.FAILED] == [
        (What.SEARCH, reason)
    ]


@pytest.mark.parametrize(
    ("off", "outcome", "said"),
    [
        pytest.param(timedelta(seconds=5), Outcome.OK, "as the instance's", id="as good as equal"),
        pytest.param(timedelta(seconds=6), Outcome.OK, "6 s ahead of the instance's", id="a little ahead"),
        pytest.param(timedelta(seconds=-59), Outcome.OK, "59 s behind the instance's", id="behind"),
        pytest.param(timedelta(seconds=60), Outcome.WARNING, "60 s ahead of the instance's", id="far ahead"),
    ],
)
def test_clocks(off: timedelta, outcome: Outcome, said: str, inspect: Inspect) -> None:
    (step,) = [step for step in inspect(ManualClock(NIGHT + off)).look() if step.what is What.CLOCK]
    assert step.outcome is outcome
    assert said in step.detail


def test_a_certificate_that_is_not_trusted_is_said_with_its_issuer(
    inspect: Inspect, simulator: Simulator
) -> None:
    steps = inspect(server=simulator.https_url, account_manager_host=simulator.https_url).look()
    assert [row.what for row in bad(steps)] == [What.TLS]
    assert 'issued by "trustme' in detail(steps, What.TLS)
    assert "ca_file" in detail(steps, What.TLS)
    assert exit_code(steps) == 3


def test_a_certificate_of_a_named_authority_is_trusted(
    inspect: Inspect, simulator: Simulator, tmp_path: Path
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_bytes(simulator.ca_pem)
    urls = {"server": simulator.https_url, "account_manager_host": simulator.https_url}
    steps = inspect(**urls, ca_file=str(authority)).look()
    assert bad(steps) == []
    assert "TLSv1.3" in detail(steps, What.TLS)
    steps = inspect(**urls, selfsigned=True).look()
    assert bad(steps) == [(What.TLS, simulator.https_url.removeprefix("https://"), Outcome.WARNING)]


def test_settings_that_do_not_suffice_are_a_step_of_their_own(inspect: Inspect, tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    (step,) = inspect(ca_file=str(missing)).look()
    assert (step.what, step.outcome) == (What.SETTINGS, Outcome.FAILED)
    assert str(missing) in step.detail
    assert exit_code([step]) == 1


def test_nothing_is_written_and_no_job_started(inspect: Inspect, world: World) -> None:
    inspect().look()
    assert {(one.api, one.method) for one in world.requests} <= {
        ("token", "POST"),
        ("search", "POST"),
        ("execution", "GET"),
        ("webdav", "GET"),
        ("webdav", "PROPFIND"),
    }


def test_proxies_resolve_names_themselves(inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://someone:planted-proxy-password@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    steps = inspect(server="http://shop.localhost:1").look()
    (name,) = [step for step in steps if step.what is What.NAME and "shop" in step.api]
    assert name.outcome is Outcome.SKIPPED
    assert "proxy" in name.detail
    assert "planted-proxy-password" not in str(steps)
