"""A text to send to whoever administers an instance: who asks for what, why, where, what to paste. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.checkup.model import Outcome, Remedy, Step, What, remedies
from monitor.checkup.permissions import entry_text
from monitor.checkup.subject import Subject
from monitor.checkup.verdict import untried

WHY = {
    What.TOKEN: "to log in",
    What.SEARCH: "to see which jobs ran, and how they ended",
    What.EXECUTION: "to look at one run, for the step that failed",
    What.LOG: "to attach a failed job's log to the alert",
}


def request_text(subject: Subject, steps: Sequence[Step]) -> str | None:
    """Of what is missing, and of what could not be tried behind it; None where nobody has to do anything."""
    wanted = [(remedy, _why(mended)) for remedy, mended in remedies(steps) if _can_be_asked(remedy, mended)]
    known = [remedy for remedy, _ in wanted]
    wanted += [
        (remedy, "not tried yet, as what stands above comes first")
        for remedy in untried(subject, steps)
        if remedy not in known
    ]
    return "\n".join(_lines(subject, wanted)) if wanted else None


def _can_be_asked(remedy: Remedy, steps: Sequence[Step]) -> bool:
    return remedy.page is not None and any(step.outcome is Outcome.FAILED for step in steps)


def _why(steps: Sequence[Step]) -> str:
    return "; ".join(dict.fromkeys(WHY[step.what] for step in steps if step.what in WHY)) or "to work at all"


def _lines(subject: Subject, wanted: Sequence[tuple[Remedy, str]]) -> Iterator[str]:
    host = subject.host("ocapi") or subject.host("webdav")
    yield f"Subject: read access to the job history of {host}"
    yield ""
    yield f"Hello, we watch the jobs of {host} with sfcc-job-monitor: it tells us which of them failed or ran"
    yield "into each other, with the job's log. It only reads: the rights below let nobody start, change or"
    yield f"delete anything. {_clients(subject)} For that, please:"
    for number, (remedy, why) in enumerate(wanted, start=1):
        yield ""
        yield f"{number}. Where: {remedy.page}"
        yield f"   What: {remedy.how}."
        yield f"   Why: {why}."
        if remedy.also:
            yield f"   Mind: {remedy.also}."
        if remedy.entry is not None:
            yield ""
            yield entry_text(remedy.entry)
    yield ""
    yield "How to see that it works: a few minutes after it was saved, we run"
    yield f"`sfcc-job-monitor check {subject.instance}`, which says so. A word to us when it is done is"
    yield "enough. Thank you."


def _clients(subject: Subject) -> str:
    ids = list(dict.fromkeys(subject.clients.values()))
    if len(ids) == 1:
        return f"It logs in as the API client {ids[0]}."
    return f"It logs in as the API clients {' and '.join(ids)}."
