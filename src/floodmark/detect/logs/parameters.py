"""What kind of value a parameter of a line is, by its looks. It never decides what is a parameter."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from floodmark.detect.logs.tokens import Place


class Parameter(NamedTuple):
    """What stands at a `<*>`.

    `kind`: number, duration, size, time, ip, url, path, email, host, id, quoted, list, word, empty, or the name of a
    mask (`logs.masks`).
    """

    text: str
    kind: str


_NUMBER: Final = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d[\d_]*)(?:\.\d+)?(?:[eE][-+]?\d+)?"
_LONGEST: Final = 512
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_KINDS: Final = re.compile(
    rf"""(?P<number>{_NUMBER}%?)
       | (?P<duration>[<>~]?=?[ ]?{_NUMBER}[ ]?(?:ns|us|µs|ms|s|milliseconds?|
             secs?|seconds?|mins?|minutes?|h|hrs?|hours?|d|days?)
           | (?:\d+(?:\.\d+)?(?:h|m|ms|s|us|µs|ns))+ | PT[\dHMS.]+)
       | (?P<size>{_NUMBER}[ ]?(?:[kKMGTP]i?B|B|bytes?|[KMGTP]))
       | (?P<ip>/?(?:{_OCTET}\.){{3}}{_OCTET}(?:[:/]\d+)? | (?=.*::|.*:.*:.*:.*:.*:.*:)[\da-fA-F:.]{{2,45}}(?:%\w+)?)
       | (?P<time>\d{{4}}[-/.]\d\d?[-/.]\d\d?(?:[T_ -]\d\d?[:.]\d\d(?:[:.]\d\d)?(?:[.,:]\d+)?(?:Z|[ ]?[+-]\d\d:?\d\d)?)?
           | \d\d?:\d\d(?::\d\d)?(?:[.,]\d+)?
           | (?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[ ,]+)?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b.*)
       | (?P<url>[A-Za-z][\w+.-]*://.+)
       | (?P<path>/.* | [A-Za-z]:\\.* | \.{{1,2}}/.*)
       | (?P<email>[^\s@]+@[^\s@]+\.[A-Za-z]+)
       | (?P<host>(?:[\w-]+\.)*[A-Za-z][\w-]*:\d+ | (?:[\w-]+\.){{2,}}[a-z]{{2,8}})
       | (?P<id>0x[\da-fA-F]+ | [\da-f]{{8,}} | [\da-fA-F]{{8}}(?:-[\da-fA-F]{{4}}){{3}}-[\da-fA-F]{{12}})
       | (?P<word>[^\W\d]+)
       | (?P<list>\S*[ ,;].*)
    """,
    re.VERBOSE,
)


def kind_of(place: Place) -> str:
    """The kind of what stands at a place. Quotes around it tell less than what is in them."""
    if not place.text:
        return "empty"
    found = _KINDS.fullmatch(place.text[:_LONGEST])
    kind = found.lastgroup if found else None
    quote = place.before[-1:]
    if kind in (None, "word", "list") and quote and quote in "\"'`" and place.after[:1] == quote:
        return "quoted"
    return kind or "id"
