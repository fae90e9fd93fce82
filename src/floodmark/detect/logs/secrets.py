"""Secrets and personal data in text that leaves the engine, masked: keys, tokens, passwords, e-mail addresses, cards.

What is masked is named (`<email>`), so that a reader sees that something stood there. No pattern takes more than linear
time: repeats are bounded, or begin where nothing like them stands before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from floodmark.config.models import Secrets

_NAMES: Final = (
    r"passw(?:or)?d|passphrase|secret|token(?!s)|credential|authorization|cookie|(?:api|access|private|account)[_-]?key"
    r"|pwd(?=[\"']?\s{0,3}[=:]\s{0,3}[\"']?[^/\s])"  # not the working directory
)
_PATTERNS: Final = (
    ("key", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:(?!-----END)[\s\S])*(?:-----END [A-Z0-9 ]{0,40}-----)?"),
    ("credentials", r"(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}(?=@)"),
    ("token", r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),
    (
        "key",  # AWS, GitHub, GitLab, Slack, Google, Stripe, and what else begins with sk-
        r"(?<![\w-])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[oprsu]_\w{30,}|github_pat_\w{22,}|glpat-[\w-]{20,}"
        r"|xox[abeprs]-[\w-]{10,}|AIza[\w-]{35}|[rs]k_live_\w{10,}|sk-[\w-]{20,})(?![\w-])",
    ),
    (
        "secret",
        rf"(?P<name>(?i:{_NAMES})[\w-]{{0,20}}[\"']?\s{{0,3}}[=:]\s{{0,3}})(?:(?i:basic|bearer|digest|negotiate)\s{{1,3}})?"
        r"(?!<\w{0,20}>|<\*|\*)(?:\"[^\"]*\"?|'[^']*'?|[^\s,;&\"'})\]]+)",
    ),
    ("token", r"(?i:(?<=\bbearer ))\s{0,3}(?=[\w.~+/=-]{20}|[a-zA-Z.~+/=-]{0,20}\d)[\w.~+/=-]{8,}"),
    ("email", r"(?<![\w.+-])[\w.+-]+@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    (
        "card",
        r"(?<![\w.-])(?:[3-6]\d{12,18}|[3-6]\d{3}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}"
        r"|3\d{3}[ -]\d{6}[ -]\d{5})(?![\w-])",
    ),
)


def masked(text: str, secrets: Secrets) -> str:
    """The text with a name in angle brackets for each secret in it."""
    for sub in _masks(secrets.known, tuple(secrets.patterns)):
        text = sub(text)
    return text


@lru_cache(maxsize=8)
def _masks(known: bool, patterns: tuple[str, ...]) -> list[Callable[[str], str]]:
    named = [*(("secret", pattern) for pattern in patterns), *(_PATTERNS if known else ())]
    return [_mask(name, re.compile(pattern)) for name, pattern in named]


def _mask(name: str, pattern: re.Pattern[str]) -> Callable[[str], str]:
    def instead(found: re.Match[str]) -> str:
        if name == "card" and not _is_card(found[0]):
            return found[0]
        return f"{found.groupdict().get('name', '')}<{name}>"

    return lambda text: pattern.sub(instead, text)


def _is_card(text: str) -> bool:
    """Luhn's check digit (ISO/IEC 7812)."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    return sum(digits[::2] + [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]) % 10 == 0
