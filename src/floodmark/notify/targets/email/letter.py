"""A message as a mail: plain text and simple HTML, in one thread an incident."""

from __future__ import annotations

import hashlib
import html
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Final

from floodmark.notify import wording
from floodmark.notify.links import address
from floodmark.notify.sink import Message

_SUBJECT: Final = 200
_BODY: Final = 20_000
_LINES: Final = 100
"""Lines below a heading of the HTML."""


def letter(message: Message, sender: str, to: list[str], subject: str = "", first: str = "") -> EmailMessage:
    """The mail. `subject` and `first`: of the first mail of its thread, if there was one; without them it still goes
    into the thread, for all mails of a key refer to the same id."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "floodmark.invalid"
    root = _id(domain, "thread", message.key)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(sender)
    mail["To"] = [_address(each) for each in to]
    mail["Subject"] = f"Re: {subject}" if subject else wording.title(message, _SUBJECT)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = _id(domain, "message", message.id)
    mail["In-Reply-To"] = first or root
    mail["References"] = f"{root} {first}" if first else root
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from another machine
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Floodmark-Key"] = wording.known_as(message.key, 100).encode("ascii", "replace").decode()
    if message.loud:
        mail["Importance"] = "high"
    mail.set_content(f"{wording.title(message)}\n\n{wording.text(message, _BODY)}\n", cte="quoted-printable")
    mail.make_alternative(boundary=f"=={_digest('boundary', message.id)}==")
    mail.add_alternative(_page(message), subtype="html", cte="quoted-printable")
    return mail


def _page(message: Message) -> str:
    blocks = [f"<h3>{html.escape(wording.title(message))}</h3>"]
    room = _BODY
    for part in wording.parts(message):
        lines = []
        for line in part.lines[:_LINES]:
            room -= len(line)
            if line.strip() and room >= 0:
                lines.append(f"<li>{_linked(wording.line(line, wording.LINE))}</li>")
        if lines:
            blocks.append(f"<h4>{html.escape(part.heading)}</h4>\n<ul>\n" + "\n".join(lines) + "\n</ul>")
    return "<!DOCTYPE html>\n<html><body>\n" + "\n".join(blocks) + "\n</body></html>\n"


def _linked(line: str) -> str:
    """A line, which may end in an address."""
    words, colon, target = line.partition(": ")
    if colon and target and address(target) == target:
        return f'{html.escape(words)}: <a href="{html.escape(target)}">{html.escape(target)}</a>'
    return html.escape(line)


def _id(domain: str, *parts: str) -> str:
    """An id of RFC 5322, the same whenever it is asked for."""
    return f"<{_digest(*parts)}.floodmark@{domain}>"


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _address(text: str) -> Address:
    name, spec = parseaddr(text)
    return Address(wording.line(name, 100), addr_spec=spec)
