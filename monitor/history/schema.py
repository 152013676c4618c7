"""The tables of the history, as the newest migration leaves them. No queries here."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from alerts.columns import Instant, JsonText

metadata = MetaData()

# One row an instance: how far it was read and how far it was judged.
cursors = Table(
    "cursors",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("first_read_done", Boolean, nullable=False, server_default=text("false")),
    Column("first_poll_at", Instant),  # when this instance was first asked, by our clock
    Column("seen_until", Instant),  # the instance's time at the start of the last complete read
    Column("read_until", Instant),  # catching up: everything that started before is stored
    Column("change", BigInteger, nullable=False, server_default="0"),  # counts stored changes
    Column("judged_change", BigInteger, nullable=False, server_default="0"),  # detection saw these
    Column("last_poll_at", Instant),
    Column("last_success_at", Instant),
    Column("last_error", Text),
    Column("last_reason", String(32)),
    Column("running", Integer),  # executions active at the last complete read, system jobs included
    Column("clock_skew", BigInteger),  # microseconds the instance's clock is ahead
    Column("backend", String(16)),  # which API it was read through last
)

# Who may write for an instance, and who tells.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # milliseconds since 1970, by the database's clock
)

# The WebDAV access key of each user that was refused last: tried again and again, it would be locked.
refused_keys = Table(
    "refused_keys",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("login", Text, primary_key=True),
    Column("mark", Text, nullable=False),  # a slow salted hash of it
)

# Instances that refused a log, since when, and when one was read after that.
log_access = Table(
    "log_access",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("refused_since", Instant, nullable=False),
    Column("refusals", Integer, nullable=False),  # runs told without their log
    Column("message", Text, nullable=False),
    Column("read_at", Instant),
)

coverage = Table(
    "coverage",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    Column("ends_at", Instant, nullable=False),
)

# Ended runs of which a search told less than an alert wants to say: each is to be looked up by its id, once.
lookups = Table(
    "lookups",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("version", Text, nullable=False),  # the run's, as the search told of it
    Column("failed", Boolean, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False),  # polls that asked in vain
)

executions = Table(
    "executions",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("execution_status", Text, nullable=False),
    Column("status", Text),
    Column("exit_code", Text),
    Column("exit_status", Text),
    Column("exit_message", Text),
    Column("start_time", Instant),
    Column("end_time", Instant),
    Column("creation_date", Instant),
    Column("last_modified", Instant),
    Column("duration", BigInteger),  # microseconds
    Column("user_login", Text),
    Column("client_id", Text),
    Column("is_restart", Boolean, nullable=False),
    Column("current_retry_attempt", Integer),
    Column("max_retries", Integer),
    Column("log_file_path", Text),
    Column("is_log_file_existing", Boolean),
    Column("steps", JsonText),
    Column("version", Text, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("backfilled", Boolean, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("logged_errors", Integer),  # lines of its log, where they were counted
    Column("logged_data_errors", Integer),
    Column("final", Boolean, nullable=False),
    Column("began_at", Instant, nullable=False),  # start, else creation, else first seen: never null
    Column("ended_at", Instant),  # of final ones
    Column("outcome", String(16), nullable=False),
    Column("trigger", String(16), nullable=False),
    Column("counted", Boolean, nullable=False),  # whether the counters have it
    Column("change", BigInteger, nullable=False),
    Index("ix_executions_series", "instance", "job_id", "scope", "began_at"),
    Index("ix_executions_began_at", "instance", "began_at"),
    Index("ix_executions_ended_at", "instance", "ended_at"),
    Index("ix_executions_change", "instance", "change"),
)

# Counters outlive the executions they counted.
job_outcomes = Table(
    "job_outcomes",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("trigger", String(16), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

job_durations = Table(
    "job_durations",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("bucket", Integer, primary_key=True),  # index into DURATION_BUCKETS, one past the end for +Inf
    Column("count", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),  # microseconds
)

series = Table(
    "series",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("first_seen", Instant, nullable=False),
    Column("last_start", Instant),
    Column("last_end", Instant),
    Column("last_success", Instant),
    Column("last_failure", Instant),
    Column("last_duration", BigInteger),  # microseconds, of the run that ended last
    Column("last_outcome", String(16)),
    Column("consecutive_failures", Integer, nullable=False),
)

overlap_pairs = Table(
    "overlap_pairs",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("other_job_id", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

# What a run usually takes, as detection last judged it: read by the metrics, which know no history.
expected_durations = Table(
    "expected_durations",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("lower", BigInteger, nullable=False),  # microseconds, as the next two
    Column("median", BigInteger, nullable=False),
    Column("upper", BigInteger, nullable=False),
)

# When a job's schedule is learned anew: once a day, each at its own minute.
learning = Table(
    "learning",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("next_at", Instant, nullable=False),
    Index("ix_learning_next_at", "instance", "next_at"),
)

# What the settings do not say of when jobs run: imported or learned, and since when that is in force.
timetable_revisions = Table(
    "timetable_revisions",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("job_id", Text, primary_key=True),
    Column("source", String(16), primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("schedules", JsonText, nullable=False),  # a list of documents; empty for none
    Column("reason", Text, nullable=False),
    Column("change", BigInteger, nullable=False),  # counts what was kept for an instance
    Index("ix_timetable_revisions_change", "instance", "change"),
)
