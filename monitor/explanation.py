"""What `explain` shows of a job: the decisions of the detectors over the stored facts, nothing of its own."""

from __future__ import annotations

from dataclasses import dataclass
