"""The files an instance shows over WebDAV: logs of its runs, and files put there by hand.

Paths begin below `/Sites`; their first segment is taken in any case. Old logs are moved to an archive and
are gone from where the execution says they are.
"""

from dataclasses import dataclass

from monitor.simulator.exchange import Content
from monitor.simulator.execution import Execution
from monitor.simulator.joblog import log_content

JOB_LOGS = "/LOGS/jobs"
LEGACY_LOGS = "/IMPEX/log"


@dataclass(frozen=True, slots=True)
class File:
    path: str
    content: Content
    modified: int


def normal(path: str) -> str:
    """`/Logs/jobs/a` -> `/LOGS/jobs/a`; no slash at the end."""
    first, _, rest = path.strip("/").partition("/")
    return f"/{first.upper()}/{rest}" if rest else f"/{first.upper()}"


class Files:
    def __init__(self) -> None:
        self._runs: dict[str, Execution] = {}
        self._put: dict[str, tuple[Content, int]] = {}

    def add_run(self, run: Execution) -> None:
        if run.has_log:
            self._runs[f"{JOB_LOGS}/{run.job_id}/{run.log_name}"] = run

    def drop_run(self, run: Execution) -> None:
        self._runs.pop(f"{JOB_LOGS}/{run.job_id}/{run.log_name}", None)

    def put(self, path: str, content: Content, modified: int) -> None:
        self._put[normal(path)] = (content, modified)

    def remove(self, path: str) -> None:
        self._put.pop(normal(path), None)

    def find(self, path: str, now: int, *, archived_after: int | None, legacy: bool) -> File | None:
        wanted = normal(path)
        if wanted in self._put:
            return File(wanted, *self._put[wanted])
        run = self._runs.get(wanted) if not legacy else self._legacy(wanted)
        if run is None or not _present(run, now, archived_after):
            return None
        return File(wanted, log_content(run, now), run.modified_at(now))

    def below(self, path: str, now: int, *, archived_after: int | None, legacy: bool) -> list[str]:
        """Paths of all files in a folder and its folders."""
        prefix = normal(path).rstrip("/") + "/"
        logs = [
            f"{LEGACY_LOGS}/{run.legacy_log_name}" if legacy else name
            for name, run in self._runs.items()
            if _present(run, now, archived_after)
        ]
        return sorted(name for name in (*logs, *self._put) if name.startswith(prefix))

    def _legacy(self, wanted: str) -> Execution | None:
        names = (run for run in self._runs.values() if f"{LEGACY_LOGS}/{run.legacy_log_name}" == wanted)
        return next(names, None)


def _present(run: Execution, now: int, archived_after: int | None) -> bool:
    if run.log_archived or run.begun is None or run.begun > now:
        return False
    return archived_after is None or run.end is None or now - run.end < archived_after
