"""Mail by SMTP: a thread an incident. See README.md."""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from email.message import EmailMessage
from typing import Final

import aiosmtplib

from floodmark.config.targets import Email
from floodmark.notify import wording
from floodmark.notify.posts import passed_over, remembered
from floodmark.notify.secrets import Secrets
from floodmark.notify.sink import (
    Delivered,
    Event,
    Exchange,
    Later,
    Message,
    Outcome,
    Refused,
    Sink,
    UnansweredError,
)
from floodmark.notify.targets.email.letter import letter

Post = Callable[[Email, EmailMessage], Awaitable[Mapping[str, tuple[int, str]]]]
"""Hands a mail over; gives those recipients that were refused while others were not, each with code and words."""
EVENTS: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "digest", "change", "request"})
_SECONDS: Final = 30.0
_LONGEST: Final = 300
_SUBJECT: Final = 210
_ID: Final = re.compile(r"<[!-;=?-~]{1,200}>")
_PERMANENT: Final = 500


def sink(settings: Email, exchange: Exchange) -> Sink:
    """`exchange` speaks HTTP, so it has no part in this."""
    return with_post(settings, smtp)


def with_post(settings: Email, post: Post) -> Sink:
    return _Sink(settings, post)


class _Sink:
    takes = EVENTS

    def __init__(self, settings: Email, post: Post) -> None:
        self._settings, self._post = settings, post
        self._secrets = Secrets(settings)

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if (enough := passed_over(message, memory)) is not None:
            return enough
        first, subject = memory.get("first", ""), wording.line(memory.get("subject", ""), _SUBJECT)
        known = bool(subject and _ID.fullmatch(first))
        mail = letter(message, self._settings.sender, self._settings.to, subject * known, first * known)
        told = {**remembered(message), **({"first": first, "subject": subject} if known else _told(mail))}
        try:
            refused = await self._post(self._settings, mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return self._failed([(each.code, each.message) for each in error.recipients])
        except aiosmtplib.SMTPResponseException as error:
            return self._failed([(error.code, error.message)])
        except aiosmtplib.SMTPNotSupported as error:
            return Refused(f"the server cannot do what `security` or `username` asks for: {self._words(str(error))}")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise UnansweredError(
                f"no mail could be handed over: {self._words(str(error) or type(error).__name__)}"
            ) from None
        if refused:
            words = "; ".join(f"{code} {self._words(text)}" for code, text in list(refused.values())[:3])
            return Delivered(told, f"{len(refused)} of {len(self._settings.to)} recipients were refused: {words}")
        return Delivered(told)

    def _failed(self, answers: list[tuple[int, str]]) -> Outcome:
        """Nobody got it. 4xx may be taken later, and so may it if that holds for one of many."""
        code, text = min(answers, default=(_PERMANENT, "no recipient"))
        reason = f"SMTP status {code}: {self._words(text)}"
        return Refused(reason) if code >= _PERMANENT else Later(reason)

    def _words(self, text: str) -> str:
        return wording.line(self._secrets.hide(text), _LONGEST)


def _told(mail: EmailMessage) -> dict[str, str]:
    return {"first": str(mail["Message-ID"]), "subject": str(mail["Subject"])}


async def smtp(settings: Email, mail: EmailMessage) -> Mapping[str, tuple[int, str]]:
    """Hand a mail to the server. Raises what aiosmtplib raises."""
    tls = None if settings.security == "none" else ssl.create_default_context(cafile=settings.ca_file)
    refused, _ = await aiosmtplib.send(
        mail,
        hostname=settings.host,
        port=settings.port,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password is not None else None,
        use_tls=settings.security == "tls",
        start_tls=settings.security == "starttls",
        tls_context=tls,
        timeout=_SECONDS,
    )
    return {name: (answer.code, answer.message) for name, answer in refused.items()}
