"""The first release: history, and alerts (`first_alerts`).

Frozen text: the tables' own modules move on, this file stays as it was released.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from monitor.history.migrations import first_alerts as alerts

revision = "0001"
down_revision = None


def upgrade() -> None:
    _cursors()
    _leases()
    _refused_keys()
    _log_access()
    _coverage()
    _lookups()
    _executions()
    _job_outcomes()
    _job_durations()
    _series()
    _overlap_pairs()
    _expected_durations()
    _learning()
    _timetable_revisions()
    alerts.create()


def _cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("instance", sa.Text(), primary_key=True),
        sa.Column("first_read_done", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("first_poll_at", sa.BigInteger()),
        sa.Column("seen_until", sa.BigInteger()),
        sa.Column("read_until", sa.BigInteger()),
        sa.Column("change", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("judged_change", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("last_poll_at", sa.BigInteger()),
        sa.Column("last_success_at", sa.BigInteger()),
        sa.Column("last_error", sa.Text()),
        sa.Column("last_reason", sa.String(32)),
        sa.Column("running", sa.Integer()),
        sa.Column("clock_skew", sa.BigInteger()),
        sa.Column("backend", sa.String(16)),
    )


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("holder", sa.Text()),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )


def _refused_keys() -> None:
    op.create_table(
        "refused_keys",
        sa.Column("instance", sa.Text(), primary_key=True),
        sa.Column("login", sa.Text(), primary_key=True),
        sa.Column("mark", sa.Text(), nullable=False),
    )


def _log_access() -> None:
    op.create_table(
        "log_access",
        sa.Column("instance", sa.Text(), primary_key=True),
        sa.Column("refused_since", sa.BigInteger(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("read_at", sa.BigInteger()),
    )


def _coverage() -> None:
    op.create_table(
        "coverage",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "starts_at"),
    )


def _lookups() -> None:
    op.create_table(
        "lookups",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "job_id", "id"),
    )


def _executions() -> None:
    op.create_table(
        "executions",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("execution_status", sa.Text(), nullable=False),
        sa.Column("status", sa.Text()),
        sa.Column("exit_code", sa.Text()),
        sa.Column("exit_status", sa.Text()),
        sa.Column("exit_message", sa.Text()),
        sa.Column("start_time", sa.BigInteger()),
        sa.Column("end_time", sa.BigInteger()),
        sa.Column("creation_date", sa.BigInteger()),
        sa.Column("last_modified", sa.BigInteger()),
        sa.Column("duration", sa.BigInteger()),
        sa.Column("user_login", sa.Text()),
        sa.Column("client_id", sa.Text()),
        sa.Column("is_restart", sa.Boolean(), nullable=False),
        sa.Column("current_retry_attempt", sa.Integer()),
        sa.Column("max_retries", sa.Integer()),
        sa.Column("log_file_path", sa.Text()),
        sa.Column("is_log_file_existing", sa.Boolean()),
        sa.Column("steps", sa.JSON()),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("backfilled", sa.Boolean(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("logged_errors", sa.Integer()),
        sa.Column("logged_data_errors", sa.Integer()),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("trigger", sa.String(16), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "job_id", "id"),
    )
    op.create_index("ix_executions_began_at", "executions", ["instance", "began_at"])
    op.create_index("ix_executions_change", "executions", ["instance", "change"])
    op.create_index("ix_executions_ended_at", "executions", ["instance", "ended_at"])
    op.create_index("ix_executions_series", "executions", ["instance", "job_id", "scope", "began_at"])


def _job_outcomes() -> None:
    op.create_table(
        "job_outcomes",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("trigger", sa.String(16), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "job_id", "outcome", "trigger"),
    )


def _job_durations() -> None:
    op.create_table(
        "job_durations",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "job_id", "bucket"),
    )


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_start", sa.BigInteger()),
        sa.Column("last_end", sa.BigInteger()),
        sa.Column("last_success", sa.BigInteger()),
        sa.Column("last_failure", sa.BigInteger()),
        sa.Column("last_duration", sa.BigInteger()),
        sa.Column("last_outcome", sa.String(16)),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "job_id", "scope"),
    )


def _overlap_pairs() -> None:
    op.create_table(
        "overlap_pairs",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("other_job_id", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "job_id", "other_job_id"),
    )


def _expected_durations() -> None:
    op.create_table(
        "expected_durations",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("lower", sa.BigInteger(), nullable=False),
        sa.Column("median", sa.BigInteger(), nullable=False),
        sa.Column("upper", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "job_id", "scope"),
    )


def _learning() -> None:
    op.create_table(
        "learning",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "job_id"),
    )
    op.create_index("ix_learning_next_at", "learning", ["instance", "next_at"])


def _timetable_revisions() -> None:
    op.create_table(
        "timetable_revisions",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("schedules", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "job_id", "source", "since"),
    )
    op.create_index("ix_timetable_revisions_change", "timetable_revisions", ["instance", "change"])
