"""Column types both packages store with: instants as whole microseconds since 1970, UTC.

SQLite knows no time zones, and comparing text is slow: an integer sorts and compares alike everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

BigId = BigInteger().with_variant(Integer, "sqlite")
"""A growing row number: SQLite counts up only in a column it calls INTEGER."""

JsonText = JSON(none_as_null=True)


class Instant(TypeDecorator[datetime]):
    """An aware datetime; a naive one is a programming error."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002 - the signature of SQLAlchemy
        return None if value is None else (value - _EPOCH) // _TICK

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        return None if value is None else _EPOCH + _TICK * int(value)
