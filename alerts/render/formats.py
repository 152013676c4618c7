"""Blocks as plain text, Markdown, HTML and Slack's mrkdwn. Escaping is right per format, and lives here only.

Pure.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

from alerts.model import BodyFormat
from alerts.render.document import Block, Code, Facts, Items, Text

# Half characters, which have no UTF-8, and marks that turn the direction of what follows, are none either.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MENTION = re.compile(r"@(?=everyone\b|here\b|channel\b|all\b)")
# Not an underscore within a word, which is harmless: some targets show the backslash.
_SPECIAL = re.compile(r"([\\`*\[\]<>~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_LINE_START = re.compile(r"^(\s*)([-+#]|\d+(?=[.)]))", re.MULTILINE)
_BACKTICKS = re.compile(r"`+")


def emit(block: Block, form: BodyFormat) -> str:
    return _EMIT[form](block)


def escape(text: str, form: BodyFormat) -> str:
    """One line of text for the middle of a body."""
    return _ESCAPE[form](_clean(text))


def one_line(text: str) -> str:
    """Fit for a title: a line end in the subject of a mail would begin another header."""
    return _line(_clean(text))


def separator(form: BodyFormat) -> str:
    return "\n" if form is BodyFormat.HTML else "\n\n"


def _clean(text: str) -> str:
    """A log must not ring everybody's phone: a mention gets an invisible break."""
    return _MENTION.sub("@\u200b", _CONTROL.sub(" ", text))


def _line(text: str) -> str:
    return " ".join(text.split())


def _code(line: str) -> str:
    """Its blanks stay: a stack trace is indented."""
    return _clean(line.replace("\n", " "))


def _plain(text: str) -> str:
    return text


def _markdown(text: str) -> str:
    escaped = _SPECIAL.sub(r"\\\1", text)
    # A number or a dash at the beginning would start a list.
    return _LINE_START.sub(lambda m: f"{m[1]}{m[2]}\\" if m[2].isdigit() else f"{m[1]}\\{m[2]}", escaped)


def _html(text: str) -> str:
    return html.escape(text, quote=True)


def _slack(text: str) -> str:
    """All that Slack has: a star or an underscore cannot be escaped there."""
    return html.escape(text, quote=False)


_ESCAPE: Mapping[BodyFormat, Callable[[str], str]] = {
    BodyFormat.TEXT: _plain,
    BodyFormat.MARKDOWN: _markdown,
    BodyFormat.HTML: _html,
    BodyFormat.SLACK: _slack,
}


def _emit_text(block: Block) -> str:
    match block:
        case Text(text):
            return _clean(text)
        case Facts(items):
            return "\n".join(f"{_line(_clean(label))}: {_line(_clean(text))}" for label, text in items)
        case Code(title, lines):
            return "\n".join([f"{_clean(title)}:", *(f"  {_code(line)}" for line in lines)])
        case Items():
            return "\n".join(f"- {_line(_clean(item))}" for item in block.lines)


def _emit_markdown(block: Block) -> str:
    form = BodyFormat.MARKDOWN
    match block:
        case Text(text, strong):
            return f"**{escape(_line(text), form)}**" if strong else escape(text, form)
        case Facts(items):
            # Two blanks at the end of a line break it.
            lines = (
                f"**{escape(_line(label), form)}:** {escape(_line(text), form)}" for label, text in items
            )
            return "  \n".join(lines)
        case Code(title, lines):
            code = "\n".join(map(_code, lines))
            longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
            fence = "`" * max(3, longest + 1)
            return f"{escape(title, form)}:\n{fence}\n{code}\n{fence}"
        case Items():
            return "\n".join(f"- {escape(_line(item), form)}" for item in block.lines)


def _emit_html(block: Block) -> str:
    form = BodyFormat.HTML
    match block:
        case Text(text, strong):
            inner = escape(text, form).replace("\n", "<br/>")
            return f"<p><b>{inner}</b></p>" if strong else f"<p>{inner}</p>"
        case Facts(items):
            lines = (
                f"<b>{escape(_line(label), form)}:</b> {escape(_line(text), form)}" for label, text in items
            )
            return f"<p>{'<br/>'.join(lines)}</p>"
        case Code(title, lines):
            code = "\n".join(_html(_code(line)) for line in lines)
            return f"<p>{escape(title, form)}:</p>\n<pre>{code}</pre>"
        case Items():
            lines = (f"<li>{escape(_line(item), form)}</li>" for item in block.lines)
            return f"<ul>{''.join(lines)}</ul>"


def _emit_slack(block: Block) -> str:
    form = BodyFormat.SLACK
    match block:
        case Text(text, strong):
            return f"*{escape(_line(text), form)}*" if strong else escape(text, form)
        case Facts(items):
            return "\n".join(
                f"*{escape(_line(label), form)}:* {escape(_line(text), form)}" for label, text in items
            )
        case Code(title, lines):
            # There is no longer fence than this one: what would close it gets an invisible break.
            code = _slack("\n".join(map(_code, lines))).replace("```", "`\u200b`\u200b`")
            return f"{escape(title, form)}:\n```\n{code}\n```"
        case Items():
            return "\n".join(f"• {escape(_line(item), form)}" for item in block.lines)


_EMIT: Mapping[BodyFormat, Callable[[Block], str]] = {
    BodyFormat.TEXT: _emit_text,
    BodyFormat.MARKDOWN: _emit_markdown,
    BodyFormat.HTML: _emit_html,
    BodyFormat.SLACK: _emit_slack,
}
