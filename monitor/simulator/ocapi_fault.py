"""The refusals of the Data API, and how they look on the wire.

The error is raised where a rule is broken and becomes a document in one place. `arguments` are written
as the API's description has them: objects of type and value.
"""

from collections.abc import Mapping

from monitor.simulator.exchange import JSON, Response, json_response


class OcapiError(Exception):
    def __init__(
        self, status: int, fault_type: str, message: str, arguments: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{fault_type}: {message}")
        self.status = status
        self.fault_type = fault_type
        self.message = message
        self.arguments = dict(arguments or {})


def fault_response(error: OcapiError, version: str) -> Response:
    return json_response(error.status, {"_v": version, "fault": _fault(error)})


def violated(message: str, path: str) -> OcapiError:
    return OcapiError(400, "PropertyConstraintViolationException", message, {"path": path})


def unknown_property(name: str, document: str) -> OcapiError:
    message = f"Unknown property '{name}' found in document '{document}'."
    return OcapiError(400, "UnknownPropertyException", message, {"document": document, "property": name})


def not_in_enum(value: object, path: str, allowed: tuple[str, ...]) -> OcapiError:
    message = f"The value '{value}' of property '{path}' is none of: {', '.join(allowed)}."
    return OcapiError(400, "EnumConstraintViolationException", message, {"path": path, "value": str(value)})


def malformed(message: str) -> OcapiError:
    return OcapiError(400, "MalformedDocumentException", message)


def _fault(error: OcapiError) -> JSON:
    fault: JSON = {"type": error.fault_type, "message": error.message}
    if error.arguments:
        fault["arguments"] = {
            name: {"type": "string", "value": value} for name, value in error.arguments.items()
        }
    return fault
