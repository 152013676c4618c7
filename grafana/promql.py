"""PromQL over the agent's metrics: selectors by the dashboard's variables, and what cannot be asked plainly.

Knows the agent's labels; knows no panel. Everything is aggregated by labels of ours, so that an agent that
moves to another host, or is scraped twice, draws no second line.
"""

from __future__ import annotations

JOB = "sfcc_instance, job_id"
CONDITION = f"{JOB}, condition, severity"


def of_job(metric: str, *matchers: str) -> str:
    return _select(metric, 'sfcc_instance=~"$sfcc_instance"', 'job_id=~"$job_id"', *matchers)


def of_instance(metric: str, *matchers: str) -> str:
    return _select(metric, 'sfcc_instance=~"$sfcc_instance"', *matchers)


def at_end(selector: str) -> str:
    """Its value at the end of the graph, at each of its points: what is ranked so does not change places."""
    return f"{selector} @ end()"


def per_job(selector: str) -> str:
    return f"max by ({JOB}) ({selector})"


def per_instance(selector: str) -> str:
    return f"max by (sfcc_instance) ({selector})"


def number_of(vector: str) -> str:
    """How many there are. 0 is said only while an agent is there that would know: else there is no data."""
    return f"count({vector}) or 0 * sum({of_instance('sfcc_up')})"


def counted(metric: str, series: str, by: str, *matchers: str, window: str = "$__rate_interval") -> str:
    """What a counter of jobs counted within a window; `series` are all labels of one of its series.

    A series of a job is born with the first that it counts: a failure of a job that never failed is a new
    series at 1, which `increase` takes for nothing. It counts in full where the instance was scraped from the
    same target before, or from whatever target at the window's beginning; else it is as old as the agent's
    first look, and counts what was before.
    """
    counter = of_job(metric, *matchers)
    seen = of_instance("sfcc_poll_last_success_timestamp_seconds")
    own = ", ".join(label for label in series.split(", ") if label != "sfcc_instance")
    younger = (
        f"last_over_time({counter}[{window}]) and count_over_time({counter}[{window}])"
        f" < ignoring ({own}) group_left () count_over_time({seen}[{window}])"
    )
    taken_over = f"{counter} unless on ({series}) {counter} offset {window}"
    known = f"and on (sfcc_instance) {seen} offset {window}"
    grown = f"increase({counter}[{window}])"
    return f"sum by ({by}) (max by ({series}) ({younger} or {taken_over} {known} or {grown}))"


def quantile(share: float, histogram: str, by: str = "") -> str:
    """Of a histogram of the agent's own; NaN while nothing is observed, which draws nothing."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}[$__rate_interval])))"


def conditions(*matchers: str, at: str = "") -> str:
    """1 while one holds, of jobs and of whole instances; the latter have no job_id.

    at: ` offset …` for some time ago; `[1h] offset …` for the last that was seen in the hour until then.
    """
    jobs = of_job("sfcc_job_condition", *matchers)
    instances = of_instance("sfcc_instance_condition", *matchers)
    either = " or ".join(
        f"last_over_time({one}{at})" if at.startswith("[") else f"{one}{at}" for one in (jobs, instances)
    )
    return f"max by ({CONDITION}) ({either})"


def open_since() -> str:
    """Milliseconds at which each open condition opened: the last moment that has it open and its last not.

    At the resolution of the graph. One that was open before the range shows the range's start, one that
    opened after the last point shows now: what is open is never missing. Where nobody was scraped, what was
    last seen still holds, for the hour in which an agent exports what has ended: a restart opens nothing.
    """
    held = f"{conditions()} == 1"
    before = f"({conditions(at=' offset $__interval')} or {conditions(at='[1h] offset $__interval')})"
    span = "[$__range:$__interval]"
    return (
        f"1000 * (max_over_time(timestamp({held} unless {before} == 1){span})"
        f" or min_over_time(timestamp({held}){span})"
        f" or timestamp({held})) and {held}"
    )


def _select(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join(matchers)}}}"
