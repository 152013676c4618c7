"""What each service takes, by the library that is installed, is what the documentation says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from alerts.channels.library import build
from alerts.model import BodyFormat

PAGE = Path(__file__).parents[3] / "docs" / "alerts.md"
HEAD = "| service | address | log file | text | markup |\n|---|---|---|---|---|\n"

SAMPLES = {
    "E-mail (SMTP)": "mailto://u:p@example.com?to=a@b.de",
    "Amazon SES": "ses://u@example.com/AKIAIOSFODNN7EXAMPLE/bPxRfiCYEXAMPLEKEYwJalrXUtnFEMI/eu-west-1/a@b.de",
    "Mailgun": "mailgun://u@example.com/3ccdd113474722377935511fc85d3dd4-8e1c-4be1/a@b.de",
    "SendGrid": "sendgrid://abcd-ABCD:u@example.com/a@b.de",
    "Slack, bot token": "slack://xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d/#ops",
    "Slack, incoming webhook": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7/#ops",
    "Microsoft Teams, workflow": "workflows://host:443/workflow1a/signature/",
    "Google Chat": "gchat://workspace/key/token",
    "Discord": "discord://1234567890/abcdefghijk",
    "Telegram": "tgram://123456789:abcdefg_hijklmnop/123456",
    "Mattermost, webhook": "mmost://host/3ccdd113474722377935511fc85d3dd4",
    "Matrix": "matrix://bot:pw@host/%23room",
    "Rocket.Chat": "rocket://user:pass@host/%23ops",
    "Zulip": "zulip://bot@org/a6k4g2n8b9h2p7v2s8x2d5f6t2j8z7m3/ops",
    "Cisco Webex": f"wxteams://{'a' * 80}",
    "Guilded": "guilded://1234567890/abcdefghijk",
    "Nextcloud Talk": "nctalk://user:pass@host/roomid",
    "Synology Chat": "synology://host/token",
    "Lark": "lark://token",
    "DingTalk": f"dingtalk://{'a' * 64}",
    "WeCom bot": "wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa",
    "Line": f"line://{'a' * 40}/U1234567",
    "Signal (signal-api)": "signal://localhost:8080/+14155552671/+14155552672",
    "WhatsApp": f"whatsapp://{'a' * 60}@14155552671/14155552672",
    "Threema": "threema://*THEGWID@abcdef1234567890/14155552671",
    "Twilio (SMS)": f"twilio://AC{'a' * 32}:{'b' * 32}@+14155552671/+14155552672",
    "ntfy": "ntfy://topic",
    "Pushover": "pover://a2345678901234567890123456789a@b2345678901234567890123456789b",
    "Pushbullet": f"pbul://{'a' * 32}",
    "Gotify": "gotify://host/AaBbCcDdEeFfGgH",
    "Prowl": f"prowl://{'a' * 40}",
    "Amazon SNS": "sns://AKIAIOSFODNN7EXAMPLE/bPxRfiCYEXAMPLEKEYwJalrXUtnFEMI/eu-west-1/topic",
    "Home Assistant": f"hassio://host/{'a' * 40}",
    "Splunk On-Call": f"splunk://key@{'a' * 36}/user",
    "PagerTree": "pagertree://int_abcdef123456",
    "Apprise API": "apprise://host/token",
    "JSON, without a schema": "json://host",
}

MARKUP = {
    BodyFormat.TEXT: "none",
    BodyFormat.MARKDOWN: "Markdown",
    BodyFormat.HTML: "HTML",
    BodyFormat.SLACK: "Slack's mrkdwn",
}


def row(service: str) -> str:
    can = build("chat", SAMPLES[service]).capabilities
    scheme = SAMPLES[service].partition("://")[0]
    file = f"up to {can.max_file_bytes // 2**20} MiB" if can.files else "no"
    return f"| {service} | `{scheme}://` | {file} | {can.body_max_bytes:,} | {MARKUP[can.format]} |\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
def test_the_reviewed_page_has_what_the_installed_library_does() -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(re.escape(HEAD) + r"(?:\|.*\n)*", text)
    assert found is not None, "docs/alerts.md has no table of services"
    table = HEAD + "".join(map(row, SAMPLES))
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(text.replace(found[0], table), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8").count(table) == 1, "`make golden` writes it"


def test_it_is_about_enough_of_them() -> None:
    assert len(SAMPLES) >= 25
