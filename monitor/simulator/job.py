"""A job of the instance: its specification, its coming slots, and what is going on."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from monitor.simulator.execution import Execution
from monitor.simulator.model import JobSpec, Outcome


@dataclass(slots=True)
class Job:
    """`told` are outcomes by slot and site (None: any); `swallowed` are slots it was busy at."""

    spec: JobSpec
    slots: Iterator[int]
    enabled: bool = True
    swallowed: list[int] = field(default_factory=list)
    told: dict[tuple[int, str | None], Outcome] = field(default_factory=dict)
    next_told: Outcome | None = None
    open: list[Execution] = field(default_factory=list)

    def active(self, now: int) -> bool:
        self.open = [run for run in self.open if not run.over(now)]
        return bool(self.open)
