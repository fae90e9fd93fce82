"""What routers, switches and firewalls write, in any of their headers: time, host, severity and message. No state.

Cisco (IOS, IOS-XE, IOS-XR, NX-OS, ASA and its kin), Arista and Dell begin the message itself with a mnemonic,
`%FACILITY-SEVERITY-NAME:`, Huawei and H3C with `%%01MODULE/SEVERITY/NAME:`. What stands before it is header, whose
parts come and go with the configuration of the device: sequence numbers, a host, a time with or without its year and
zone, a process. The body begins with the mnemonic. The service is the process, if the line names one, else
the facility: it is to such a line what a program's name is to one of syslog, and there are few of them. The number of a
line never is.
The severity is the mnemonic's own: a relay may have put another priority before it.

Fortinet, Sophos and SonicWall write `key=value`, with the device, the time and the level among them.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from floodmark.decode.decoder import EventError
from floodmark.decode.local_times import bsd_time, local_time
from floodmark.decode.severities import SYSLOG, of_level, on_scale
from floodmark.decode.timestamps import EARLIEST, parse

_HEADER: Final = 256
"""Characters in which a header must end."""
_CISCO: Final = re.compile(r"%([A-Z][A-Z0-9_]{0,63}(?:-[A-Za-z0-9_]{1,63}){0,4})-([0-7])-[A-Za-z0-9_]{1,64}(?=\s?:)")
_HUAWEI: Final = re.compile(r"%%\d\d([A-Z][A-Z0-9_]{0,63})/([0-7])/\w{1,64}(?:\([a-z]\))?(?:\[\d+\])?:")
_CLOCKS: Final = re.compile(
    r"[*.]?(?:\d{4} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d)?"
)
_PROCESS: Final = re.compile(r"([^\s\[\]:]{1,64})(?:\[\d+\]):?|([A-Za-z][\w./-]{0,63}):")
_SLOT: Final = re.compile(
    r"(?:(?:LC|RP|SP|DRP|SW|PE)/|\d+/)[\w/]*(?:CPU|RP|RSP)?\d*|%.*|VDC-\d+|\*.*|[:*.]|(?:\d+[dhwy]){1,3}|\d+:\d\d:\d\d"
)
"""Words of a header that are of no use: slots, tasks, how long the device is up."""
_PAIR: Final = re.compile(r'(?:^|(?<=[ ,;]))([A-Za-z_]\w{0,31})=(?:"([^"]{0,256})"|([^\s",;]{0,256}))')
_PAIRS: Final = ("date=", "time=", "devname=", "device=", "device_name=", "id=", "devid=", "timestamp=", "logver=")
_HOSTS: Final = ("devname", "device_name", "hostname", "fw", "dvc", "sn")


class Device(NamedTuple):
    """A line of a device. `time` is None, and others empty, for what it does not say."""

    time: float | None
    host: str
    service: str
    severity: str
    body: str


def seems(text: str) -> bool:
    """Whether `device_of` is worth its price: a glance."""
    return "%" in text or text[:5] == "date="


def device_of(text: str, arrival: float | None, latest: float) -> Device | None:
    """What a device says in a text, after the priority; None if it has not the looks of one.

    `arrival`: Kafka's time, epoch seconds, which tells a year or an offset that is not said. One that
    cannot be told, or is after `latest`, is none.
    """
    if text.find("%", 0, _HEADER) >= 0:
        found = _CISCO.search(text, 0, _HEADER) or _HUAWEI.search(text, 0, _HEADER)
        if found is not None:
            time, host, process = _header(text[: found.start()], arrival)
            facility = "ASA" if found[1].startswith("ASA-") else found[1]
            if time is not None and time > latest:
                time = None
            return Device(time, host, process or facility, SYSLOG[int(found[2])], text[found.start() :])
    elif text[:1] in "dtil" and text.startswith(_PAIRS):
        return _of_pairs(text, arrival, latest)
    return None


def program_of(tag: str) -> str:
    """The program that a tag names, without its process number; empty for what is no name: a number, a dash."""
    program = tag.split("[", 1)[0].strip(" :")
    return "" if program == "-" or program.isdecimal() or "=" in program or program[:1] == "%" else program


def _header(text: str, arrival: float | None) -> tuple[float | None, str, str]:
    """Time, host and process of what stands before a mnemonic. The last time is the device's, others are of relays."""
    time: float | None = None
    process, before = "", text
    words: list[str] = []
    clock = None
    for clock in _CLOCKS.finditer(text):  # noqa: B007 - the last one
        pass
    if clock is not None:
        end = clock.end() - clock.start()
        try:
            time, end = _clock(text[clock.start() :], arrival) or (None, end)
        except EventError:  # without a year, and Kafka's time is not known: somebody else may know the time
            time = None
        before = _CLOCKS.sub(" ", text[: clock.start()])
        words = text[clock.start() + end :].split()
    host = ""
    for place, word in enumerate(words):
        if _SLOT.fullmatch(word.rstrip(":")) or not word.strip(":"):
            continue
        named = _PROCESS.fullmatch(word)
        if named is not None and (named[1] or host or place < len(words) - 1) and not _is_address(word):
            process = process or named[1] or named[2]
        elif not host and (name := word.rstrip(":")) and not name.isdecimal():
            host = name
    earlier = [word.rstrip(":") for word in before.replace(": ", " ").split()]
    for name in earlier:
        if name and not name.isdecimal() and not _SLOT.fullmatch(name) and not _NUMBERS.fullmatch(name):
            host = host or name
            break
    return time, host, process


_NUMBERS: Final = re.compile(r"[\d:#]+|<\d+>\d*")


def _is_address(word: str) -> bool:
    return word.replace(".", "").replace(":", "").isdecimal()


def _clock(text: str, arrival: float | None) -> tuple[float, int] | None:
    found = bsd_time(text, arrival)
    if found is not None:
        return found
    iso = _CLOCKS.match(text)
    if iso is None:
        return None
    written = iso[0].replace(",", ".")
    try:
        return parse(written), iso.end()
    except EventError:
        return local_time(written, arrival), iso.end()


def _of_pairs(text: str, arrival: float | None, latest: float) -> Device | None:
    pairs = {found[1].lower(): found[2] if found[2] is not None else found[3] for found in _PAIR.finditer(text[:2048])}
    host = next((pairs[name] for name in _HOSTS if pairs.get(name)), "")
    maker = (
        "fortigate"
        if "devname" in pairs or "logid" in pairs
        else _MAKERS.get(pairs.get("device") or pairs.get("id", ""))
    )
    if not host or maker is None:
        return None
    level = of_level(pairs.get("level") or pairs.get("priority") or "") or on_scale(pairs.get("pri"), "syslog")
    return Device(_time_of(pairs, arrival, latest), host, maker, level, text)


_MAKERS: Final = {"SFW": "sophos", "firewall": "sonicwall"}


def _time_of(pairs: dict[str, str], arrival: float | None, latest: float) -> float | None:
    day, clock, zone = pairs.get("date", ""), pairs.get("time", ""), pairs.get("tz", "")
    for written in (pairs.get("eventtime"), pairs.get("timestamp"), f"{day}T{clock}{zone}", clock.replace(" UTC", "Z")):
        if not written:
            continue
        try:
            time = parse(written)
        except (EventError, ValueError):
            try:
                time = local_time(written, arrival)
            except EventError:
                continue
        if EARLIEST <= time <= latest:
            return time
    return None
