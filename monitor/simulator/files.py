"""The files an instance shows over WebDAV: logs of its runs, and files put there by hand.

Paths begin below `/Sites`; their first segment is taken in any case. Old logs are gone from where the
execution says they are: they lie gzipped in an archive, whose place differs or is unknown.
"""

from dataclasses import dataclass
from zlib import compressobj

from monitor.simulator.exchange import JSON, Content
from monitor.simulator.execution import Execution
from monitor.simulator.joblog import BytesContent, log_content

JOB_LOGS = "/LOGS/jobs"
LEGACY_LOGS = "/IMPEX/log"


@dataclass(frozen=True, slots=True)
class File:
    path: str
    content: Content
    modified: int


@dataclass(frozen=True, slots=True)
class View:
    """How files are shown: `archived_after` is in milliseconds from a run's end, `archive` a place with
    {job} and {file}, None where old logs are lost."""

    archived_after: int | None
    archive: str | None
    legacy: bool
    lag: int = 0  # milliseconds by which logs are behind

    def archive_of(self, run: Execution) -> str | None:
        name = run.legacy_log_name if self.legacy else run.log_name
        return None if self.archive is None else normal(self.archive.format(job=run.job_id, file=name))


def normal(path: str) -> str:
    """`/Logs/jobs/a` -> `/LOGS/jobs/a`; no slash at the end."""
    first, _, rest = path.strip("/").partition("/")
    return f"/{first.upper()}/{rest}" if rest else f"/{first.upper()}"


def place_of_log(document: JSON) -> str:
    """Below /Sites, of a document written by hand."""
    path, name = document.get("log_file_path"), document.get("log_file_name")
    if isinstance(path, str):
        return path.removeprefix("/Sites")
    if isinstance(name, str):
        return f"{LEGACY_LOGS}/{name}"
    raise ValueError("a log needs a place: the document has neither log_file_path nor log_file_name")


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

    def find(self, path: str, now: int, view: View) -> File | None:
        wanted = normal(path)
        if wanted in self._put:
            return File(wanted, *self._put[wanted])
        flat = view.legacy or wanted.startswith(LEGACY_LOGS)  # where clients of old versions look
        run = self._legacy(wanted) if flat else self._runs.get(wanted)
        if run is not None and _present(run, now, view):
            written = now - view.lag
            return File(wanted, log_content(run, written), run.modified_at(written))
        old = self._archived(wanted, now, view)
        return None if old is None else File(wanted, _gzipped(log_content(old, now)), old.modified_at(now))

    def below(self, path: str, now: int, view: View) -> list[str]:
        """Paths of all files in a folder and its folders."""
        prefix = normal(path).rstrip("/") + "/"
        logs = [
            f"{LEGACY_LOGS}/{run.legacy_log_name}" if view.legacy else name
            for name, run in self._runs.items()
            if _present(run, now, view)
        ]
        old = [view.archive_of(run) for run in self._runs.values() if _gone(run, now, view)]
        return sorted(
            name for name in (*logs, *old, *self._put) if name is not None and name.startswith(prefix)
        )

    def _legacy(self, wanted: str) -> Execution | None:
        names = (run for run in self._runs.values() if f"{LEGACY_LOGS}/{run.legacy_log_name}" == wanted)
        return next(names, None)

    def _archived(self, wanted: str, now: int, view: View) -> Execution | None:
        if not wanted.endswith(".gz"):
            return None
        there = (run for run in self._runs.values() if view.archive_of(run) == wanted)
        return next((run for run in there if _gone(run, now, view)), None)


def _begun(run: Execution, now: int) -> bool:
    return run.begun is not None and run.begun <= now


def _present(run: Execution, now: int, view: View) -> bool:
    return _begun(run, now) and not _old(run, now, view)


def _gone(run: Execution, now: int, view: View) -> bool:
    return _begun(run, now) and _old(run, now, view)


def _old(run: Execution, now: int, view: View) -> bool:
    aged = view.archived_after is not None and run.end is not None and now - run.end >= view.archived_after
    return run.log_archived or aged


def _gzipped(content: Content) -> Content:
    """Without a time in it, so that it is the same each time."""
    packer = compressobj(wbits=31)
    packed = [packer.compress(piece) for piece in content.read(0, content.size)]
    return BytesContent(b"".join([*packed, packer.flush()]))
