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

import msgspec
from msgspec import Raw

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
            header = _header(text[: found.start()], arrival)
            if header is None:  # somebody quotes it
                return None
            time, host, process = header
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


def with_tag(tag: str, body: str) -> str:
    """A message whose mnemonic somebody has taken for the program's name, with it before it again."""
    return f"{tag.rstrip(': ')}: {body.removeprefix(' ')}" if tag[:1] == "%" else body


def named(body: str, *tags: Raw) -> str:
    """The same, for parts of JSON."""
    tag = next((bytes(each) for each in tags if each), b"")
    return with_tag(msgspec.json.decode(tag), body) if tag[:2] == b'"%' else body


def _header(text: str, arrival: float | None) -> tuple[float | None, str, str] | None:
    """Time, host and process of what stands before a mnemonic; None if there are words that no header has.

    The last time is the device's, others are of relays. What stands before it is a host at most, and what stands after
    it a zone, a host and a process.
    """
    time: float | None = None
    clocks = list(_CLOCKS.finditer(text))
    if not clocks:
        words = [word for word in text.split() if not _is_filler(word)]
        if len(words) > 1 or (words and words[0][-1] != ":" and not any(c.isdecimal() for c in words[0])):
            return None
        return None, words[0].rstrip(":") if words else "", ""
    begin, end = clocks[-1].span()
    try:
        told = _clock(text[begin:], arrival)
        if told is not None:
            time, end = told[0], begin + told[1]
    except EventError:  # without a year, and Kafka's time is not known: somebody else may know the time
        pass
    after = text[end:].split()
    if after and _ZONE.fullmatch(after[0]):
        del after[0]
    host, process = "", ""
    for word in after:
        if _is_filler(word):
            continue
        named = _PROCESS.fullmatch(word)
        if named is not None and (named[1] or host) and not process:
            process = named[1] or named[2]
        elif not host and not process:
            host = word.rstrip(":")
        else:
            return None
    earlier = [word for word in _CLOCKS.sub(" ", text[:begin]).replace(": ", " ").split() if not _is_filler(word)]
    if len(earlier) > 1:
        return None
    return time, host or (earlier[0].rstrip(":") if earlier else ""), process


def _is_filler(word: str) -> bool:
    """Whether a word of a header is of no use: a number, a slot, a task, a mark."""
    bare = word.rstrip(":")
    return not bare or bare.isdecimal() or bool(_SLOT.fullmatch(bare) or _NUMBERS.fullmatch(bare))


_ZONE: Final = re.compile(r"[A-Z][A-Z-]{1,7}:")
_NUMBERS: Final = re.compile(r"[\d:#]+|<\d+>\d*")


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
