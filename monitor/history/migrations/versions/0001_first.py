"""The first release: history and alerts.

Frozen text: the tables' own modules move on, this file stays as it was released.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

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
    _incidents()
    _occurrences()
    _incident_events()
    _alert_groups()
    _tellings()
    _notifications()
    _outbox()
    _attachments()


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


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("condition", sa.String(64), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("causes", sa.JSON(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger()),
        sa.Column("resolution", sa.Text(), nullable=False, server_default=""),
        sa.Column("attachments", sa.JSON(), nullable=False),
        sa.Column("quiet", sa.String(64)),
        sa.Column("ends_by", sa.String(16), nullable=False, server_default="absence"),
    )
    op.create_index("ix_incidents_ends_at", "incidents", ["ends_at"])
    op.create_index("ix_incidents_source_ends_at", "incidents", ["source", "ends_at"])
    op.create_index(
        "uq_incidents_open",
        "incidents",
        ["fingerprint"],
        unique=True,
        sqlite_where=sa.text("ends_at IS NULL"),
        postgresql_where=sa.text("ends_at IS NULL"),
    )


def _occurrences() -> None:
    op.create_table(
        "occurrences",
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("occurrence", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "occurrence"),
    )
    op.create_index("ix_occurrences_at", "occurrences", ["at"])


def _incident_events() -> None:
    op.create_table(
        "incident_events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("planned_at", sa.BigInteger()),
    )
    op.create_index(
        "ix_incident_events_waiting",
        "incident_events",
        ["at"],
        sqlite_where=sa.text("planned_at IS NULL"),
        postgresql_where=sa.text("planned_at IS NULL"),
    )


def _alert_groups() -> None:
    op.create_table(
        "alert_groups",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("notified_at", sa.BigInteger(), nullable=False),
    )


def _tellings() -> None:
    op.create_table(
        "tellings",
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("opened_told_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_told_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("group_key", "incident_id"),
    )
    op.create_index("ix_tellings_incident_id", "tellings", ["incident_id"])


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
    )
    op.create_index("ix_notifications_group_key", "notifications", ["group_key", "created_at"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("notification_id", sa.String(32), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("file_tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("file_refused", sa.Text()),
        sa.Column("refusals", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("refused_since", sa.BigInteger()),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("last_error", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
    )
    op.create_index("ix_outbox_notification_id", "outbox", ["notification_id"])
    op.create_index(
        "ix_outbox_undelivered",
        "outbox",
        ["target", "id"],
        sqlite_where=sa.text("state IN ('pending', 'leased')"),
        postgresql_where=sa.text("state IN ('pending', 'leased')"),
    )


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("ref", sa.Text(), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("masked", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("about", sa.Text(), nullable=False, server_default=""),
        sa.Column("how", sa.Text(), nullable=False, server_default=""),
        sa.Column("finished_at", sa.BigInteger()),
    )
    op.create_index("ix_attachments_state", "attachments", ["state", "next_attempt_at"])
