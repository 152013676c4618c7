"""The tables of this package, as the newest migration leaves them. No queries here."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    event,
    text,
)

from alerts.columns import BigId, Instant, JsonText

metadata = MetaData()


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of those rows alone."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where))


@event.listens_for(metadata, "before_create")
def _spell_for_postgres(_target: MetaData, conn: Connection, **_how: object) -> None:
    # An index that names PostgreSQL loads its dialect: 3 MB that nobody on SQLite needs.
    if conn.dialect.name == "postgresql":
        for table in metadata.tables.values():
            for index in table.indexes:
                where = index.dialect_options["sqlite"]["where"]
                if where is not None:
                    index.dialect_kwargs["postgresql_where"] = where


incidents = Table(
    "incidents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("fingerprint", String(32), nullable=False),
    Column("source", Text, nullable=False),
    Column("condition", String(64), nullable=False),
    Column("labels", JsonText, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("facts", JsonText, nullable=False),
    Column("evidence", JsonText, nullable=False),
    Column("causes", JsonText, nullable=False),
    Column("count", Integer, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("ends_at", Instant),
    Column("resolution", Text, nullable=False, server_default=""),
    Column("attachments", JsonText, nullable=False),
    Column("quiet", String(64)),
    Column("ends_by", String(16), nullable=False, server_default="absence"),
    Index("ix_incidents_source_ends_at", "source", "ends_at"),
    Index("ix_incidents_ends_at", "ends_at"),
    # Two agents on one state cannot both open the same thing.
    _partial("uq_incidents_open", "fingerprint", unique=True, where="ends_at IS NULL"),
)

occurrences = Table(
    "occurrences",
    metadata,
    Column("fingerprint", String(32), primary_key=True),
    Column("occurrence", Text, primary_key=True),
    Column("incident_id", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_occurrences_at", "at"),
)

incident_events = Table(
    "incident_events",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("incident_id", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("planned_at", Instant),  # when dispatch decided about it; null while it waits
    Column("planned_for", Text),  # a list of the routes that have, while another one holds it back
    _partial("ix_incident_events_waiting", "at", where="planned_at IS NULL"),
)

alert_groups = Table(
    "alert_groups",
    metadata,
    Column("key", Text, primary_key=True),
    Column("notified_at", Instant, nullable=False),
)

tellings = Table(
    "tellings",
    metadata,
    Column("group_key", Text, primary_key=True),
    Column("incident_id", String(32), primary_key=True),
    Column("opened_told_at", Instant, nullable=False),
    Column("resolved_told_at", Instant),
    Index("ix_tellings_incident_id", "incident_id"),
)

silences = Table(
    "silences",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("match", Text, nullable=False),  # JSON: name -> globs
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Index("ix_silences_ends_at", "ends_at"),
)

acks = Table(
    "acks",
    metadata,
    Column("incident_id", String(32), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("comment", Text, nullable=False),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("group_key", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("content", JsonText, nullable=False),
    Index("ix_notifications_group_key", "group_key", "created_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("notification_id", String(32), nullable=False),
    Column("target", Text, nullable=False),
    Column("group_key", Text, nullable=False),
    Column("state", String(16), nullable=False),  # pending, leased, sent, dead
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("file_tries", Integer, nullable=False, server_default="0"),
    Column("file_refused", Text),  # why the file stays behind; null while it may travel
    Column("refusals", Integer, nullable=False, server_default="0"),  # permanent errors in a row
    Column("refused_since", Instant),  # the first of them
    Column("next_attempt_at", Instant, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Instant),
    Column("last_error", Text),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("instead_of", Text),  # the target that gave it up, where this row is for another one
    _partial("ix_outbox_undelivered", "target", "id", where="state IN ('pending', 'leased')"),
    Index("ix_outbox_notification_id", "notification_id"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("wanted_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Instant, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("content", LargeBinary),  # gzip
    Column("lines", JsonText, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("masked", Integer, nullable=False, server_default="0"),
    Column("about", Text, nullable=False, server_default=""),
    Column("how", Text, nullable=False, server_default=""),
    Column("finished_at", Instant),
    Index("ix_attachments_state", "state", "next_attempt_at"),
)
