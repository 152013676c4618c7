"""The job history: executions sorted by start, found by id, by job and by search, and forgotten in time.

Runs without a start time cannot be sorted by it: they are kept apart, fall out of every range, and come
last whatever the order. Knows no documents and no requests.
"""

from bisect import bisect_left, bisect_right, insort_right

from monitor.simulator.condition import Condition, Search, Sort
from monitor.simulator.execution import Row
from monitor.simulator.instant import DAY
from monitor.simulator.matching import Narrowed, compile_all, narrow

KEPT_OK = 5 * DAY
KEPT_FAILED = 25 * DAY


class History:
    def __init__(self) -> None:
        self._started: list[Row] = []
        self._by_job: dict[str, list[Row]] = {}
        self._by_id: dict[str, Row] = {}
        self._unstarted: list[Row] = []
        self._longest = 0  # milliseconds that a row has taken at most
        self._unusual: list[Row] = []  # all but those that are over and OK: active ones above all

    def __len__(self) -> int:
        return len(self._started) + len(self._unstarted)

    def add(self, row: Row) -> None:
        if row.id:
            self._by_id[row.id] = row
        self._measure(row)
        if row.start is None:
            self._unstarted.append(row)
            return
        for rows in (self._started, self._by_job.setdefault(row.job_id, [])):
            _insert(rows, row)
        if not (row.plain and isinstance(row.ended, int) and row.ended <= row.known):
            _insert(self._unusual, row)

    def wait(self, row: Row) -> None:
        """Take in a run whose start is known to the world but has not come: it counts as unstarted."""
        self._by_id[row.id] = row
        self._unstarted.append(row)

    def started(self, row: Row) -> None:
        if any(kept is row for kept in self._unstarted):
            self._unstarted = [kept for kept in self._unstarted if kept is not row]
            self.add(row)

    def find(self, job_id: str, execution_id: str) -> Row | None:
        row = self._by_id.get(execution_id)
        return row if row is not None and row.job_id == job_id else None

    def by_id(self, execution_id: str) -> Row | None:
        return self._by_id.get(execution_id)

    def of_job(self, job_id: str) -> list[Row]:
        return [*self._by_job.get(job_id, []), *(row for row in self._unstarted if row.job_id == job_id)]

    def discard(self, row: Row) -> None:
        self._by_id.pop(row.id, None)
        for rows in (self._started, self._by_job.get(row.job_id, []), self._unstarted, self._unusual):
            for i in range(len(rows) - 1, -1, -1):
                if rows[i] is row:
                    del rows[i]
                    break

    def changed(self, row: Row) -> None:
        """A row was altered by hand: it may have become unusual again."""
        self._measure(row)
        kept = (*self._unusual, *self._unstarted)
        if not row.plain and row.start is not None and not any(other is row for other in kept):
            _insert(self._unusual, row)

    def purge(self, now: int) -> list[Row]:
        """Forget what is past its retention: good runs after 5 days, failed ones after 25."""
        hi = bisect_right(self._started, now - KEPT_OK, key=_start)
        gone = [row for row in self._started[:hi] if _expired(row, now)]
        if not gone:
            return []
        self._started[:hi] = [row for row in self._started[:hi] if not _expired(row, now)]
        self._unusual = [row for row in self._unusual if not _expired(row, now)]
        for job_id in {row.job_id for row in gone}:
            rows = self._by_job[job_id]
            last = bisect_right(rows, now - KEPT_OK, key=_start)
            rows[:last] = [row for row in rows[:last] if not _expired(row, now)]
        for row in gone:
            self._by_id.pop(row.id, None)
        return gone

    def settle(self, as_of: int) -> None:
        """Drop from the unusual what has meanwhile ended well."""
        if any(row.plain and row.end_at(as_of) is not None for row in self._unusual):
            self._unusual = [r for r in self._unusual if not (r.plain and r.end_at(as_of) is not None)]

    def search(self, search: Search, now: int, *, lagging: bool = False) -> list[Row]:
        """All rows that match, sorted, as they looked at `now`; `lagging` when that is not the present."""
        if lagging:
            rows = [row for row in (*self._started, *self._unstarted) if row.known <= now]
            rest: tuple[Condition, ...] = (search.condition,)
        else:
            narrowed = narrow(search.condition)
            rows, rest = self._candidates(narrowed), narrowed.rest
        if rest:
            test = compile_all(rest, now)
            rows = [row for row in rows if test(row)]
        return _sorted(rows, search.sorts, now)

    def _candidates(self, narrowed: Narrowed) -> list[Row]:
        if narrowed.job_ids is not None:
            lists = [self._by_job.get(str(job_id), []) for job_id in sorted(narrowed.job_ids, key=str)]
            parts = [_slice(rows, narrowed) for rows in lists]
            rows = parts[0] if len(parts) == 1 else sorted((r for part in parts for r in part), key=_start)
        elif narrowed.touching is not None and not narrowed.unusual:
            rows = _slice(self._touching(narrowed.touching), narrowed)
        else:
            rows = _slice(self._unusual if narrowed.unusual else self._started, narrowed)
        if narrowed.needs_start:
            return rows
        jobs = narrowed.job_ids
        return rows + [row for row in self._unstarted if jobs is None or row.job_id in jobs]

    def _touching(self, low: int) -> list[Row]:
        """All that started or ended from then on, and all that is unusual."""
        since = low - self._longest
        older = self._unusual[: bisect_left(self._unusual, since, key=_start)]
        return older + self._started[bisect_left(self._started, since, key=_start) :]

    def _measure(self, row: Row) -> None:
        if row.start is not None and row.ended is not None:
            self._longest = max(self._longest, row.ended - row.start)


def _slice(rows: list[Row], narrowed: Narrowed) -> list[Row]:
    first = 0 if narrowed.low is None else bisect_left(rows, narrowed.low, key=_start)
    last = len(rows) if narrowed.high is None else bisect_right(rows, narrowed.high, key=_start)
    return rows[first:last]


def _sorted(rows: list[Row], sorts: tuple[Sort, ...], now: int) -> list[Row]:
    """Rows come by start, unstarted last; what lacks the sorted field stays last in either direction."""
    if [sort.field for sort in sorts] in ([], ["start_time"]):
        return _by_start(rows, now) if sorts and sorts[0].descending else rows
    for sort in reversed(sorts):  # sorting is stable, so the most important one is applied last
        keyed = [(_key(row, sort.field, now), row) for row in rows]
        present = [pair for pair in keyed if pair[0] is not None]
        present.sort(key=lambda pair: pair[0] or 0, reverse=sort.descending)
        rows = [row for _, row in present] + [row for key, row in keyed if key is None]
    return rows


def _by_start(rows: list[Row], now: int) -> list[Row]:
    """Latest first, without looking at every row."""
    unstarted = 0
    while unstarted < len(rows) and rows[-1 - unstarted].start_at(now) is None:
        unstarted += 1
    cut = len(rows) - unstarted
    return rows[:cut][::-1] + rows[cut:]


def _key(row: Row, field: str, now: int) -> str | int | None:
    if field == "start_time":
        return row.start_at(now)
    if field == "end_time":
        return row.end_at(now)
    if field == "id":
        return row.id.zfill(19)  # by number, as far as ids are numbers
    return row.status_at(now) if field == "status" else row.job_id


def _expired(row: Row, now: int) -> bool:
    if row.ended is None:
        return False
    return row.ended + (KEPT_FAILED if row.failed else KEPT_OK) <= now


def _insert(rows: list[Row], row: Row) -> None:
    if not rows or _start(rows[-1]) <= _start(row):
        rows.append(row)
    else:
        insort_right(rows, row, key=_start)


def _start(row: Row) -> int:
    return row.start or 0
