"""The searches the monitor makes, as OCAPI query documents. Pure.

Knows the query language; knows no HTTP. The platform keeps results of range filters by their bounds,
so the bound of the search of every poll is floored: the same one for five minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.sfcc.runs.wire import ACTIVE_WORDS

COUNT = 200  # the most the platform takes
FLOOR = timedelta(minutes=5)

Query = Mapping[str, Any]

ORDER: tuple[Query, ...] = ({"field": "start_time", "sort_order": "asc"},)


def recent_forms(since: datetime) -> tuple[tuple[Query, ...], ...]:
    """Three ways to ask for what began or ended since then and for what is active, best first.

    Each is a number of searches to be put together. The last one leaves out what began before `since`
    and ended since: such a run was active at the last poll, and is looked up by id.
    """
    at = floored(since)
    began, ended = _range("start_time", {"from": _instant(at)}), _range("end_time", {"from": _instant(at)})
    either = {"bool_filter": {"operator": "or", "filters": [began, ended]}}
    combined = {"bool_query": {"should": [_filtered(began), _filtered(ended), active_query()]}}
    return (combined,), (_filtered(either), active_query()), (_filtered(began), active_query())


def between_forms(since: datetime, until: datetime) -> tuple[tuple[Query, ...], ...]:
    """Two ways to ask for what began or ended in [since, until), best first: some runs have no start time.

    The second one asks for what began only.
    """
    bounds = {"from": _instant(since), "to": _instant(until), "to_inclusive": False}
    began, ended = _range("start_time", bounds), _range("end_time", bounds)
    either = {"bool_filter": {"operator": "or", "filters": [began, ended]}}
    return (_filtered(either),), (_filtered(began),)


def resumed_forms(since: datetime, until: datetime, started_since: datetime) -> tuple[tuple[Query, ...], ...]:
    """`between_forms` without what started in [since, started_since): of that the end is read already.

    Three ways, best first. What ended in [since, until) without having started in it is few: runs that had
    begun before, and runs that never did. The second way loses the latter where they stand last in the order.
    """
    ended = _range("end_time", {"from": _instant(since), "to": _instant(until), "to_inclusive": False})
    started = _range("start_time", {"from": _instant(since)})
    not_started = {"bool_filter": {"operator": "not", "filters": [started]}}
    others = {"bool_filter": {"operator": "and", "filters": [ended, not_started]}}
    bounds = {"from": _instant(started_since), "to": _instant(until), "to_inclusive": False}
    rest = {"bool_filter": {"operator": "or", "filters": [_range("start_time", bounds), others]}}
    return (_filtered(rest),), *between_forms(started_since, until)


def active_query() -> Query:
    """What is going on, whenever it began: a pending run may have no start time at all."""
    words = [word.upper() for word in ACTIVE_WORDS]  # the search knows them in upper case only
    return {"term_query": {"fields": ["status"], "operator": "one_of", "values": words}}


def began_since(at: datetime) -> Query:
    """Whatever has a start time from then on."""
    return _filtered(_range("start_time", {"from": _instant(at)}))


def request(query: Query, start: int) -> Query:
    """As OCAPI takes it."""
    return {
        "query": query,
        "sorts": list(ORDER),
        "select": "(**)",
        "count": COUNT,
        "start": start,
    }


def floored(at: datetime) -> datetime:
    """The last full five minutes."""
    epoch = datetime.fromtimestamp(0, UTC)
    return at - (at - epoch) % FLOOR


def _filtered(condition: Query) -> Query:
    return {"filtered_query": {"query": {"match_all_query": {}}, "filter": condition}}


def _range(field: str, bounds: Query) -> Query:
    return {"range_filter": {"field": field, **bounds}}


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
