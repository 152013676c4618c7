"""What every table of the file has in common: unknown names are errors, and all problems come at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError


class Table(BaseModel):
    """A table of the file: an unknown name is an error, nothing changes after loading.

    The library checks what fields say together only once each is right by itself. Whoever mends
    settings wants to hear everything the first time, so `contradictions` looks at what was given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with fields that may each be right. Nothing in `given` is checked yet."""
        del given
        return iter(())

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, given: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        texts = cls.contradictions(given) if isinstance(given, Mapping) else ()
        lines = [_line("contradiction", text) for text in texts]
        try:
            table = check(given)
        except ValidationError as error:
            found = error.errors(include_url=False)
            lines = [*(_line(one["type"], one["msg"], one["loc"], one["input"]) for one in found), *lines]
        else:
            if not lines:
                return table
        raise ValidationError.from_exception_data(cls.__name__, lines)


def _line(kind: str, text: str, loc: tuple[str | int, ...] = (), given: Any = None) -> InitErrorDetails:
    """As an error of its own words: the library makes only some of its kinds a second time."""
    return InitErrorDetails(type=PydanticCustomError(kind, "{text}", {"text": text}), loc=loc, input=given)
