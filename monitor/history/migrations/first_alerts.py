"""The tables of alerts as the first release has them. Frozen text, as the migration that makes them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def create() -> None:
    _incidents()
    _occurrences()
    _incident_events()
    _alert_groups()
    _tellings()
    _notifications()
    _outbox()
    _attachments()
    _silences()
    _acks()


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
        sa.Column("planned_for", sa.Text()),
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
        sa.Column("instead_of", sa.Text()),
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


def _silences() -> None:
    op.create_table(
        "silences",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("match", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
    )
    op.create_index("ix_silences_ends_at", "silences", ["ends_at"])


def _acks() -> None:
    op.create_table(
        "acks",
        sa.Column("incident_id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
    )
