"""Mail in the shared suite: a mail is a request whose body it is, and the server's code is the status of the answer."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Mapping
from email.message import EmailMessage

import aiosmtplib
from suite import Case, Kinds, Taker

from floodmark.config.targets import Email
from floodmark.notify.sink import Exchange, Later, Refused, Request, Sink
from floodmark.notify.targets.email import with_post

TO = ["oncall@example.org", "Ann Ö. <ann@example.org>"]


def _make(settings: Email, exchange: Exchange) -> Sink:
    async def post(settings: Email, mail: EmailMessage) -> Mapping[str, tuple[int, str]]:
        answer = await exchange(Request("MAIL", f"smtp://{settings.host}:{settings.port}/", {}, mail.as_bytes()))
        if not 200 <= answer.status < 300:
            raise aiosmtplib.SMTPResponseException(answer.status, answer.body.decode("utf-8", "replace"))
        return {}

    return with_post(settings, post)


def read(body: bytes) -> EmailMessage:
    mail = email.message_from_bytes(body, policy=email.policy.SMTP)
    assert isinstance(mail, EmailMessage)
    return mail


def _identity(request: Request) -> str:
    return str(read(request.body)["Message-ID"])


def _expect(status: int, request: Request) -> Kinds:
    """What SMTP means by a code (RFC 5321, section 4.2.1)."""
    return (Refused,) if status >= 500 else (Later,)


def _check(request: Request) -> None:
    mail = read(request.body)
    assert not mail.defects
    names = [name.lower() for name in mail]
    assert len(names) == len(set(names)), names
    assert set(names) <= {
        "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "mime-version",
        "x-auto-response-suppress", "x-floodmark-key", "importance", "content-type",
    }, names  # fmt: skip
    assert [each.addr_spec for each in mail["To"].addresses] == ["oncall@example.org", "ann@example.org"]
    assert 0 < len(mail["Subject"]) <= 210
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", str(mail["Subject"]))
    assert all(len(line) <= 998 for line in request.body.split(b"\r\n"))
    plain, page = mail.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert page.get_content_type() == "text/html"
    html = page.get_content()
    for piece in ("<script", "<at>", "<!channel>", "<@", "javascript:alert(1)</a>"):
        assert piece not in html, piece


CASES = [
    Case(
        kind="email",
        section={
            "host": "smtp.example.org",
            "username": "floodmark",
            "password": "sm-5544332211",
            "sender": "Floodmark <floodmark@example.org>",
            "to": TO,
        },
        hosts=frozenset({"smtp.example.org:587"}),
        vendor=Taker,
        identity=_identity,
        expect=_expect,
        check=_check,
        retry_after=False,
        make=_make,
        most=512 * 1024,
    )
]
