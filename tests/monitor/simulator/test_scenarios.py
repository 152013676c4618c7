"""The worlds by name; above all the night that the demo tells."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from monitor.simulator import SCENARIOS, Caller, ManualClock, World, demo_origin
from monitor.simulator.akeneo import FULL_MASTER, MASTER, PLANTED_ADDRESS, PLANTED_TOKEN, STOREFRONT
from monitor.simulator.instant import DAY, MINUTE, parse_iso

NIGHT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(demo_origin(NIGHT + timedelta(hours=15)))


@pytest.fixture
def world(clock: ManualClock) -> World:
    return SCENARIOS["akeneo-night"](clock)


def all_documents(world: World) -> list[dict[str, Any]]:
    own = [spec.job_id for spec in world.jobs() if not spec.job_id.startswith("sfcc-")]
    return [document for job_id in own for document in world.documents(job_id)]


def minutes(document: dict[str, Any]) -> tuple[str, str]:
    return document["start_time"][11:16], document.get("end_time", "")[11:16]


def of_night(world: World, job_id: str) -> list[dict[str, Any]]:
    return [d for d in world.documents(job_id) if d["start_time"].startswith(f"{NIGHT:%Y-%m-%d}")]


def test_the_demo_begins_two_minutes_before_two(clock: ManualClock) -> None:
    assert clock.now() == NIGHT + timedelta(hours=1, minutes=58)


def test_before_the_night_lie_five_clean_days(world: World) -> None:
    documents = [d for d in all_documents(world) if d["execution_status"] == "finished"]
    assert {document["status"] for document in documents} == {"OK"}
    assert len([d for d in documents if d["job_id"] == MASTER]) == 5
    assert len({d["duration"] for d in documents if d["job_id"] == MASTER}) == 5


def overlapping(documents: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    imports = sorted((d for d in documents if d["job_id"][0].isdigit()), key=lambda d: str(d["start_time"]))
    return [
        (a["job_id"], b["job_id"])
        for a, b in pairwise(imports)
        if b["start_time"] < a.get("end_time", "9999")
    ]


def test_on_clean_nights_the_imports_keep_a_minute_apart(world: World) -> None:
    documents = [d for d in all_documents(world) if d["job_id"][0].isdigit() and "end_time" in d]
    spans = sorted((parse_iso(d["start_time"]), parse_iso(d["end_time"])) for d in documents)
    gaps = [second[0] - first[1] for first, second in pairwise(spans)]
    assert min(gaps) > MINUTE


def test_the_night_fails_recovers_and_overlaps(world: World, clock: ManualClock) -> None:
    clock.set(NIGHT + timedelta(hours=2, minutes=39))
    failed, repaired = of_night(world, MASTER)
    assert (failed["status"], *minutes(failed)) == ("ERROR", "02:08", "02:11")
    assert failed["exit_status"]["status"] == "error"
    assert (repaired["status"], *minutes(repaired)) == ("OK", "02:22", "02:25")
    assert repaired["user_login"] == "j.doe@example.com"
    (storefront,) = of_night(world, STOREFRONT)
    (full,) = of_night(world, FULL_MASTER)
    assert minutes(storefront) == ("02:27", "02:37")
    assert (full["status"], *minutes(full)) == ("RUNNING", "02:30", "")
    tonight = [d for d in all_documents(world) if d["start_time"] >= f"{NIGHT:%Y-%m-%d}T02"]
    assert overlapping(tonight) == [(STOREFRONT, FULL_MASTER)]


def test_the_failed_log_tells_the_cause_and_has_something_to_mask(world: World, clock: ManualClock) -> None:
    clock.set(NIGHT + timedelta(hours=2, minutes=13))
    (failed,) = of_night(world, MASTER)
    text = Caller(world).file(failed["log_file_path"]).read().decode()
    for part in ("401 Unauthorized", "timed out", "DATAERROR", "Caused by: ", PLANTED_ADDRESS, PLANTED_TOKEN):
        assert part in text


def test_the_feed_runs_once_for_each_site(world: World, clock: ManualClock) -> None:
    clock.set(NIGHT + timedelta(hours=2, minutes=16))
    feeds = [d for d in world.documents("Export-Product-Feed") if d["start_time"][8:13] == "24T02"]
    assert [d["execution_scopes"] for d in feeds] == [["RefArch"], ["RefArchGlobal"]]


def test_the_nights_after_are_clean(world: World, clock: ManualClock) -> None:
    clock.set(NIGHT + timedelta(days=2, hours=12, minutes=1))
    later = [d for d in all_documents(world) if d["start_time"] > "2026-11-24T12"]
    assert {d["status"] for d in later} <= {"OK", "RUNNING"}
    assert overlapping(later) == []
    assert len([d for d in later if d["job_id"] == MASTER]) == 2


@pytest.mark.parametrize("start", ["2026-11-24T02:00:00Z", "2026-11-24T01:59:59Z", "2026-11-23T02:00:01Z"])
def test_the_night_is_the_next_one_whenever_one_starts(start: str) -> None:
    clock = ManualClock(datetime.fromisoformat(start))
    world = SCENARIOS["akeneo-night"](clock)
    clock.set(NIGHT + timedelta(hours=3))
    assert [d["status"] for d in of_night(world, MASTER)] == ["ERROR", "OK"]


def test_quiet_is_all_ok(clock: ManualClock) -> None:
    world = SCENARIOS["quiet"](clock)
    clock.advance(timedelta(days=2))
    assert {d["status"] for d in all_documents(world)} <= {"OK", "RUNNING"}


def test_busy_is_large_and_has_a_long_import_running(clock: ManualClock) -> None:
    world = SCENARIOS["busy"](clock)
    caller = Caller(world)
    assert caller.search().json()["total"] > 100_000
    (full,) = world.documents(FULL_MASTER)
    assert (full["status"], full["duration"]) == ("RUNNING", 3 * 60 * MINUTE)
    failed = {"term_query": {"fields": ["status"], "operator": "is", "values": ["ERROR"]}}
    hits = caller.search(failed, count=200).json()["hits"]
    assert len(hits) > 20
    assert parse_iso(hits[0]["start_time"]) < parse_iso(hits[-1]["start_time"]) - 5 * DAY
