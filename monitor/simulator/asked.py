"""What both APIs want of a request before they look at what it says: its method, and one JSON document."""

import json
from typing import Any

from monitor.simulator.exchange import Request
from monitor.simulator.ocapi_fault import OcapiError, malformed


def require_method(request: Request, method: str) -> None:
    if request.method != method:
        message = f"The method {request.method} is not allowed here; use {method}."
        raise OcapiError(405, "MethodNotAllowedException", message)


def document_of(request: Request) -> Any:
    media = request.header("Content-Type").partition(";")[0].strip().lower()
    if media != "application/json":
        message = f"The media type '{media}' is not supported; send application/json."
        raise OcapiError(415, "UnsupportedMediaTypeException", message)
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise malformed(f"The request is no JSON document: {error}") from None
