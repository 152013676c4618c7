"""Many incidents in one message: what they have in common, and the names of all. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from alerts.model import Incident, Notification
from alerts.render.document import Block, Item, Items, Text
from alerts.render.logs import Log, worst_first
from alerts.render.wording import times

LIST_NAME = "incidents.txt"


def listing(
    notification: Notification, logs: Mapping[str, Log], why_no_file: str, remark: str
) -> list[Block]:
    """Worst first, those of the same cause in one line."""
    alike: defaultdict[tuple[str, ...], list[Incident]] = defaultdict(list)
    ordered = worst_first(notification.incidents)
    for one in ordered:
        alike[_kind(one), one.place, one.causes[-1] if one.causes else one.summary].append(one)
    several = len({one.place for one in ordered}) > 1
    blocks: list[Block] = [Items(tuple(_item(those, several=several) for those in alike.values()))]
    where = _without_files(ordered, logs, why_no_file) if why_no_file else _with_files(ordered, logs)
    texts = (where, remark, f"notification {notification.id}")
    return [*blocks, *(Text(text, last=True) for text in texts if text)]


def _kind(incident: Incident) -> str:
    if incident.is_open:
        return f"{incident.condition} ({incident.severity})"
    return f"{incident.condition}, resolved"


def _item(those: Sequence[Incident], *, several: bool) -> Item:
    first = those[0]
    place = f" on {first.place}" if several else ""
    kind = f"{_kind(first)}{place}"
    if len(those) == 1:
        return Item(kind, (f"{_name(first)}: {first.summary}",))
    number = f"{len(those)} ×"  # noqa: RUF001 - the sign, not the letter
    text = f"{number} {kind}: {_common([one.summary for one in those])}"
    return Item(text.rstrip("."), tuple(map(_name, those)))


def _name(incident: Incident) -> str:
    often = f" ({times(incident.count)})" if incident.count > 1 else ""
    return f"{incident.name}{often}"


def _common(texts: Sequence[str]) -> str:
    """The first and the last words that all of them share; what differs between these is left out."""
    first, *others = [text.split() for text in texts]
    shortest = min(len(first), *(len(words) for words in others)) if others else len(first)
    head = _shared(first, others, shortest)
    tail = _shared(first[::-1], [words[::-1] for words in others], shortest - head)
    if not head and not tail:
        return texts[0]
    same = all(words == first for words in others)
    return " ".join(first) if same else " ".join([*first[:head], "…", *first[len(first) - tail :]])


def _shared(first: Sequence[str], others: Sequence[Sequence[str]], most: int) -> int:
    """How many words at the beginning are the same."""
    same = 0
    while same < most and all(words[same] == first[same] for words in others):
        same += 1
    return same


def _with_files(incidents: Sequence[Incident], logs: Mapping[str, Log]) -> str:
    names = [one.name for one in incidents if one.id in logs and logs[one.id].travels]
    text = f"All of them, with details, are in {LIST_NAME}"
    if not names:
        return f"{text}."
    return f"{text}; attached {'is the log' if len(names) == 1 else 'are the logs'} of {', '.join(names)}."


def _without_files(incidents: Sequence[Incident], logs: Mapping[str, Log], why_no_file: str) -> str:
    how = next((logs[one.id].attachment.how for one in incidents if one.id in logs), "")
    text = f"Files: {why_no_file}."
    return f"{text} To get a log: {how}" if how else text
