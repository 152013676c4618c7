"""Two APIs that know the runs: each is looked at by itself, and one that works is enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from monitor.checkup.inspection import subject_from, trusting
from monitor.checkup.model import Outcome, Step, What, exit_code
from monitor.checkup.probe import look
from monitor.sfcc.connect import Access, connect
from monitor.sfcc.login.logins import ApiClient
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator, World
from tests.monitor.checkup.conftest import NIGHT

SCAPI_CLIENT = "scapi-client"
SCOPES = ("mail", "sfcc.jobs")

Look = Callable[..., list[Step]]


@pytest.fixture
def look_at(world: World, simulator: Simulator) -> Iterator[Look]:
    """Keywords are fields of `Access`."""
    world.account_manager.add_client(SCAPI_CLIENT, "secret", scopes=SCOPES)
    closes: list[Callable[[], None]] = []

    def look_at(**fields: Any) -> list[Step]:
        known = replace(
            Access(
                instance="production",
                server=simulator.url,
                account_manager_host=simulator.url,
                ocapi=ApiClient(DEMO_CLIENT_ID, lambda: DEMO_CLIENT_SECRET),
                scapi=ApiClient(SCAPI_CLIENT, lambda: "secret"),
                scapi_server=simulator.url,
                tenant_id=world.organization,
            ),
            **fields,
        )
        connection = connect(
            known,
            now=lambda: NIGHT,
            monotonic=time.monotonic,
            sleep=lambda _seconds: None,
            count=lambda _api, _outcome: None,
        )
        closes.append(connection.close)
        subject = subject_from(known, "sandbox")
        return look(subject, connection, trusting(known), lambda: NIGHT, lambda _what: None)

    yield look_at
    for close in closes:
        close()


def bad(steps: list[Step]) -> list[tuple[What, str, Outcome]]:
    return [
        (step.what, step.api, step.outcome)
        for step in steps
        if step.outcome in {Outcome.FAILED, Outcome.WARNING}
    ]


def page(steps: list[Step], api: str) -> str | None:
    return next(step.remedy.page for step in steps if step.api == api and step.remedy is not None)


def test_each_api_has_its_own_rows(look_at: Look) -> None:
    steps = look_at()
    assert {step.outcome for step in steps} == {Outcome.OK}
    for what in (What.TOKEN, What.SEARCH, What.EXECUTION):
        assert [step.api for step in steps if step.what is what] == ["scapi", "ocapi"]


def test_a_scope_that_the_client_lacks_is_only_warned_of_while_ocapi_answers(
    look_at: Look, world: World
) -> None:
    world.account_manager.add_client(SCAPI_CLIENT, "secret")
    steps = look_at()
    assert bad(steps) == [(What.TOKEN, "scapi", Outcome.WARNING)]
    assert page(steps, "scapi") == "Account Manager > API Client"
    assert "not needed while OCAPI answers" in str(steps)
    assert exit_code(steps) == 0


def test_the_same_is_a_failure_where_scapi_is_all_there_is(look_at: Look, world: World) -> None:
    world.account_manager.add_client(SCAPI_CLIENT, "secret")
    steps = look_at(ocapi=None)
    assert (What.TOKEN, "scapi", Outcome.FAILED) in bad(steps)
    assert exit_code(steps) == 1
    (how,) = {step.remedy.how for step in steps if step.remedy and step.api == "scapi"}
    assert "sfcc.jobs" in how
    assert "zzxy_001" in how


def test_a_tenant_that_is_not_in_the_filter_of_the_role(look_at: Look, world: World) -> None:
    world.account_manager.add_client(SCAPI_CLIENT, "secret", scopes=SCOPES, tenants=["zzxy_prd"])
    assert page(look_at(), "scapi") == "Account Manager > API Client"


def test_ocapi_that_is_not_allowed_is_only_warned_of_while_scapi_answers(look_at: Look, world: World) -> None:
    world.permissions.search = False
    steps = look_at()
    assert bad(steps) == [(What.SEARCH, "ocapi", Outcome.WARNING)]
    assert exit_code(steps) == 0


def test_what_neither_api_allows_is_missing(look_at: Look, world: World) -> None:
    world.permissions.search = world.permissions.scapi = False
    steps = look_at()
    assert (What.SEARCH, "ocapi", Outcome.FAILED) in bad(steps)
    assert (What.SEARCH, "scapi", Outcome.FAILED) in bad(steps)
    assert exit_code(steps) == 1


def test_one_client_with_the_rights_of_both_is_warned_of(look_at: Look) -> None:
    steps = look_at(scapi=ApiClient(DEMO_CLIENT_ID, lambda: DEMO_CLIENT_SECRET))
    assert bad(steps) == [(What.CLIENT, "", Outcome.WARNING)]
    assert exit_code(steps) == 0


def test_another_tenant_is_no_missing_permission(look_at: Look, world: World) -> None:
    world.account_manager.add_client(SCAPI_CLIENT, "secret", scopes=SCOPES)
    world.organization = "f_ecom_zzxy_prd"
    steps = look_at(tenant_id="zzxy_002", api_backend="scapi")
    assert [step.outcome for step in steps if step.what is What.SEARCH] == [Outcome.FAILED]


def test_only_the_api_that_is_chosen_is_looked_at(look_at: Look) -> None:
    for only, other in (("ocapi", "scapi"), ("scapi", "ocapi")):
        steps = look_at(api_backend=only)
        assert other not in {step.api for step in steps if step.what in {What.SEARCH, What.EXECUTION}}


def test_no_field_name_that_finds_anything_is_said(look_at: Look, world: World) -> None:
    world.quirks.search_fields, world.quirks.unknown_fields = "camel", "match_nothing"
    steps = look_at(search_field_style="snake", api_backend="scapi")
    (said,) = [step.detail for step in steps if step.what is What.SEARCH]
    assert "search_field_style" in said
