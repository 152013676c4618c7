"""Targets by an address of Apprise. The only file that knows the library.

One Apprise object for each target, so that an outcome belongs to one row of the outbox and the rate limit
holds. Addresses carry secrets: nothing of one is ever raised or logged, and what the libraries below log
while sending is read here and goes no further.
"""

from __future__ import annotations

import base64
import functools
import importlib
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any

from alerts.channels.discreet import discreetly
from alerts.channels.outcome import explain, timed_out
from alerts.model import (
    BodyFormat,
    Capabilities,
    DeliveryError,
    DeliveryReason,
    Message,
    MessageFile,
    Severity,
)

if TYPE_CHECKING:
    from apprise.result import AppriseResult


class AppriseNotifier:
    """Made by `build`. service: a plug-in of the library, made from an address."""

    def __init__(self, name: str, service: Any) -> None:
        from apprise import Apprise

        self.name = name
        self.capabilities = _capabilities(service)
        self._wire_format = _wire_format(service, self.capabilities.format)
        self._apprise = Apprise(asset=service.asset)
        self._apprise.add(service)
        self._mail = service if type(service).__name__ == _MAIL else None
        self._headers = dict(service.headers) if self._mail else {}

    def send(self, message: Message) -> None:
        from apprise.result import AppriseResultStatus as Status

        if self._mail:
            self._mail.headers = {**_mail_headers(message), **self._headers}
        with discreetly():
            try:
                result = self._notify(message)
                status, lines = result.status, [entry.message for entry in result.logs()]
            except Exception as error:  # noqa: BLE001 - text and traceback may hold the address: not passed on
                text = f"unforeseen in the library: {type(error).__name__}"
                raise DeliveryError(DeliveryReason.UNKNOWN, text, answered=True) from None
        if status is Status.SUCCESS:
            return
        if status is Status.TIMEOUT:
            raise timed_out()
        raise explain(lines, had_file=bool(message.files))

    def _notify(self, message: Message) -> AppriseResult:
        with ExitStack() as after:
            return self._apprise.notify(
                body=message.body,
                title=message.title,
                notify_type=_notify_type(message),
                body_format=self._wire_format,
                attach=_attach(message.files, after) or None,
                log_level=logging.DEBUG,  # why a mail was refused is said at this level only
            )


def build(name: str, url: str) -> AppriseNotifier:
    """Raises ValueError, without the address in it, when the library can do nothing with it."""
    scheme = _scheme_of(url)
    if scheme in OWN_TYPES:
        kind, key = OWN_TYPES[scheme]
        raise ValueError(
            f"target {name!r}: Apprise's {scheme}:// can neither update an alert nor end it: each message"
            f' would be one more that nobody closes; write type = "{kind}" and key_file = a file with {key}'
        )
    _cut_off_the_library()
    with discreetly(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's modules use what the language is about to drop
        try:
            service = _service(_as_html(url) if scheme in _HTML_SCHEMES else url)
        except Exception:  # noqa: BLE001 - whatever it is, the address is in it
            service = None
    if service is None:
        raise ValueError(
            f"target {name!r}: this is no address of a service that Apprise knows{_scheme(url)}, a part of it"
            " is missing or wrong, or a package that the service needs is not installed;"
            " https://appriseit.com/services/ shows how the addresses look"
        )
    service.optional = False  # with ?optional=yes a failure would be reported as success
    if "rto=" not in url:
        service.socket_read_timeout = max(service.socket_read_timeout, _READ_TIMEOUT_SECONDS)
    return AppriseNotifier(name, service)


def _scheme_of(url: str) -> str:
    return url.partition("://")[0].strip().lower()


def _as_html(url: str) -> str:
    """Unless it says itself what it wants."""
    return url if "format=" in url else f"{url}{'&' if '?' in url else '?'}format=html"


def _service(url: str) -> Any:
    """A plug-in made from the address; None, or any exception, where that cannot be done.

    Asked for it, the library imports all of its 180 plug-ins and keeps them: 18 MB for the sake of one.
    """
    from apprise import Apprise, AppriseAsset

    # A redirected POST arrives as an empty GET and would count as sent.
    asset = AppriseAsset(http_redirects=False)
    plugin = plugin_for(_scheme_of(url))
    if plugin is None:  # such as https://hooks.slack.com/…, which one of them may know
        return Apprise.instantiate(url, asset=asset)
    parts = plugin.parse_url(url.replace("/#", "/%23")) if plugin.enabled else None
    service = plugin(**parts | {"tag": set(), "asset": asset}) if parts else None
    return service if service is not None and service.enabled else None


def plugin_for(scheme: str) -> Any:
    """The library's class for addresses that begin so; None when it is not to be found without all others."""
    from apprise import plugins

    for name in _naming(scheme, Path(plugins.__path__[0])):
        module = importlib.import_module(f"{plugins.__name__}.{name}")
        classes: list[Any] = [one for one in vars(module).values() if isinstance(one, type)]
        for one in classes:
            if issubclass(one, plugins.NotifyBase) and scheme in one.schemas(one):
                return one
    return None


def _naming(scheme: str, folder: Path) -> Iterator[str]:
    """Modules and packages of the library whose text has the scheme in it."""
    wanted = f'"{scheme}"'.encode()
    for path in sorted(folder.glob("*")):
        sources = sorted(path.glob("*.py")) if path.is_dir() else [path] if path.suffix == ".py" else []
        if path.stem.isidentifier() and any(wanted in one.read_bytes() for one in sources):
            yield path.stem


OWN_TYPES: Mapping[str, tuple[str, str]] = {
    "pagerduty": ("pagerduty", "the integration key of an Events API v2 integration"),
    "opsgenie": ("opsgenie", "the API key of an API integration"),
    "jira": (
        "opsgenie",
        "the API key of an API integration, and url = https://api.atlassian.com/jsm/ops/integration",
    ),
}
"""By scheme of the library, what has a type of its own in the settings, and which key that wants."""

_READ_TIMEOUT_SECONDS = 20.0
"""The library's 4 s are short for a target that has to store a file of some megabytes."""

_MARKDOWN_SERVICES = frozenset({"NotifyDiscord", "NotifyMattermost", "NotifyZulip"})
"""Show everything as Markdown, whatever the library calls it."""

_HTML_SCHEMES = frozenset({"matrix", "matrixs"})
"""Show HTML, and the library sends plain text unless it is told to."""

_BODY_MAX_BYTES: Mapping[str, int] = {"NotifyMatrix": 24_000, "NotifyWorkflows": 15_000}
"""Where the library is wrong. An event of Matrix has 65,536 bytes for the text and its HTML. One of Teams has
28 KB with its card, of which the library knows 1,000 characters."""

_SLACK = "NotifySlack"
_MAIL = "NotifyEmail"

_IMAGES_ONLY = frozenset(
    f"Notify{name}" for name in ("BlueSky", "GroupMe", "Mastodon", "Pushover", "PushSafer", "Twitter")
)
"""Take pictures and leave a log out, or fail because of it."""


def _capabilities(service: Any) -> Capabilities:
    default = Capabilities()
    return Capabilities(
        format=_body_format(service),
        body_max_bytes=_BODY_MAX_BYTES.get(
            type(service).__name__, min(int(service.body_maxlen), default.body_max_bytes)
        ),
        title_max=max(int(service.title_maxlen), 0),
        files=_takes_files(service),
        max_file_bytes=default.max_file_bytes,
    )


def _body_format(service: Any) -> BodyFormat:
    name, form = type(service).__name__, BodyFormat(service.resolve_format(None).value)
    if name == _SLACK and form is BodyFormat.MARKDOWN:
        return BodyFormat.SLACK
    return BodyFormat.MARKDOWN if name in _MARKDOWN_SERVICES else form


def _wire_format(service: Any, form: BodyFormat) -> str:
    if form is not BodyFormat.SLACK:
        return str(service.resolve_format(form.value).value)
    # The text is Slack's own already; the library would take it for Markdown and translate it.
    service.dialect_convert = lambda body, *_, **__: body
    return BodyFormat.MARKDOWN.value


def _takes_files(service: Any) -> bool:
    """Slack says that it does, and drops them in every mode but the bot's."""
    name = type(service).__name__
    slack_without_bot = name == _SLACK and service.mode != "bot"
    return bool(service.attachment_support) and name not in _IMAGES_ONLY and not slack_without_bot


def _mail_headers(message: Message) -> dict[str, str]:
    """One conversation for each incident; nobody's out-of-office note for an answer; criticals stand out.

    The ids name no mail that was ever sent: mail programs put together what refers to the same one.
    """
    ids = [f"<{one}@{_MAIL_DOMAIN}>" for one in message.thread]
    return {
        **({"In-Reply-To": ids[0], "References": " ".join(ids)} if ids else {}),
        **({"Importance": "high"} if message.severity is Severity.CRITICAL and not message.resolved else {}),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",  # as Exchange has it
    }


_MAIL_DOMAIN = "sfcc-job-monitor.invalid"


def _notify_type(message: Message) -> str:
    return "success" if message.resolved else _NOTIFY_TYPES[message.severity]


_NOTIFY_TYPES: Mapping[Severity, str] = {
    Severity.CRITICAL: "failure",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}


def _attach(files: Sequence[MessageFile], after: ExitStack) -> list[Any]:
    """after: closed when the message is sent."""
    # An empty one would make the whole message fail.
    return [_attachment(one, after) for one in files if one.content]


def _attachment(file: MessageFile, after: ExitStack) -> Any:
    """A file that is in memory once, and on disk as well if a plug-in asks for its path.

    The library's own has a second copy in memory and no path: with it Telegram, Matrix, Mailgun and others
    fail.
    """
    from apprise.attachment.memory import AttachMemory

    class Shared(AttachMemory):
        @functools.cached_property
        def path(self) -> str:
            place = after.enter_context(_disk())
            place.write(file.content)
            place.flush()
            return place.name

        def open(self, *_: object, **__: object) -> io.BytesIO:
            return io.BytesIO(file.content)

        def __enter__(self) -> io.BytesIO:
            return self.open()

        def __len__(self) -> int:
            return len(file.content)

        def base64(self, encoding: str | None = "ascii") -> str | bytes:
            encoded = base64.b64encode(file.content)
            return encoded.decode(encoding) if encoding else encoded

    shared: Callable[..., Any] = Shared
    return shared(name=file.name, mimetype=file.mimetype)


def _disk() -> IO[bytes]:
    return NamedTemporaryFile(prefix="sfcc-job-monitor-")


def _scheme(url: str) -> str:
    found = re.match(r"([a-z][a-z0-9]{1,15})://", url)
    return f" (it begins with {found[0]})" if found else ""


def _cut_off_the_library() -> None:
    """Its lines are captured for each try; no handler of ours shall see them."""
    library = logging.getLogger("apprise")
    library.setLevel(logging.DEBUG)
    library.propagate = False
    library.disabled = False  # a logging configuration may have done that to all it does not name
    if not library.handlers:
        library.addHandler(logging.NullHandler())  # else the warnings would go to stderr
