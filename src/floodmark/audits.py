"""The audit trail as chains of hashes: the topic `topics.audit`. `schemas/` is generated from this module.

There is a chain for each partition of a topic that is audited; whoever owns the partition writes it. An entry has the
SHA-256 of the one before it, so that none can be changed, taken away or put in between without the next one showing it;
with a key it is signed, so that whoever may write the topic can still write no entry.

The bytes that are hashed are those of the record, as they are: what a newer release adds to an entry changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import Struct, field

from floodmark.records import Headers

AuditKind = Literal["config", "action", "outcome", "verdict", "reference", "request", "unreadable"]
"""config: a process has loaded one. outcome: what the engine made of an action. verdict: of an anomaly. reference: what
a model is compared with was accepted. request: of a model. unreadable: what stands there is nothing of ours."""
KINDS: Final[tuple[str, ...]] = get_args(AuditKind)

_SIGNED: Final = re.compile(rb',"signature":"([0-9a-f]{64})"\}\Z')


class AuditedRecord(Struct, frozen=True, kw_only=True):
    """Where the record stands that an entry is about."""

    topic: str
    partition: int
    offset: int


class AuditEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry. Keyed by its chain.

    `chain`: GROUP/TOPIC/PARTITION of what is audited. `sequence` counts from 1 in it. `previous`: SHA-256 of the bytes
    of the entry before it, hexadecimal; empty at the first. `at`: when it was done. `what`: in a sentence. `digest`:
    SHA-256 of the record's key, value and attributes (`digest`). `copy`: its value, for topics that keep it for
    less long; empty if it is too large, or no text. `signature`: HMAC-SHA256 of all bytes before it, and a brace;
    always the last field.
    """

    chain: str
    sequence: int
    previous: str
    at: datetime
    kind: AuditKind
    who: str
    what: str
    record: AuditedRecord
    digest: str
    incident: str = ""
    details: dict[str, str] = field(default_factory=dict)
    copy: str = ""
    signature: str = ""


_DECODER: Final = msgspec.json.Decoder(AuditEntry)


def digest(key: bytes | None, value: bytes | None, headers: Headers) -> str:
    """SHA-256 of a record: its key, value, and CloudEvents attributes, each with its length before it."""
    found = hashlib.sha256()
    said = [part for name, content in headers if name.startswith("ce_") for part in (name.encode(), content)]
    for part in (key, value, *said):
        found.update(b"\xff" * 8 if part is None else len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def link(value: bytes) -> str:
    """What the next entry has as `previous`."""
    return hashlib.sha256(value).hexdigest()


def sealed(entry: AuditEntry, key: bytes | None) -> AuditEntry:
    """The entry, signed if there is a key."""
    if key is None:
        return entry
    bare = msgspec.structs.replace(entry, signature="")
    return msgspec.structs.replace(entry, signature=_sign(msgspec.json.encode(bare), key))


def opened(value: bytes | None) -> AuditEntry | None:
    """The entry that a record holds; None if it is none."""
    try:
        return _DECODER.decode(value or b"")
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None


def proven(value: bytes, keys: Sequence[bytes]) -> bool | None:
    """Whether one of the keys has signed an entry; None if it has no signature."""
    found = _SIGNED.search(value)
    if found is None:
        return None
    bare = value[: found.start()] + b"}"
    return any(hmac.compare_digest(_sign(bare, key).encode(), found[1]) for key in keys)


def _sign(bare: bytes, key: bytes) -> str:
    return hmac.new(key, bare, hashlib.sha256).hexdigest()


class Stored(NamedTuple):
    """An entry as the topic has it; `source` is a record of an audited topic in the same form."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None

    @property
    def place(self) -> str:
        return f"{self.partition}@{self.offset}"


class Flaw(NamedTuple):
    """Something is wrong with a chain. `place`: PARTITION@OFFSET in the audit topic; empty if nothing stands there."""

    chain: str
    place: str
    words: str


class Head(NamedTuple):
    """The end of a chain: its last entry, and the SHA-256 of that."""

    sequence: int
    link: str


class Chain(NamedTuple):
    """A chain as it stands. `unsigned`: entries without a signature; `sound`: those that are good, by offset of what
    they are about, the digest."""

    head: Head
    entries: int
    unsigned: int
    sound: Mapping[int, str]


class _Entry(NamedTuple):
    stored: Stored
    entry: AuditEntry
    link: str
    proven: bool | None


def last(found: Iterable[Stored], chain: str, keys: Sequence[bytes] = ()) -> Head | None:
    """The end of a chain among records in their order; None if it has not begun. What is not ours does not count."""
    head: Head | None = None
    signed = False
    for each in found:
        entry = opened(each.value)
        if entry is None or entry.chain != chain or each.value is None:
            continue
        good = proven(each.value, keys) if keys else None
        if keys and (good is False or (good is None and signed)):
            continue
        signed = signed or bool(good)
        if head is None or entry.sequence > head.sequence:
            head = Head(entry.sequence, link(each.value))
    return head


def examine(
    found: Iterable[Stored],
    keys: Sequence[bytes] = (),
    anchors: Mapping[str, Head] | None = None,
    *,
    unsigned: bool = False,
) -> tuple[dict[str, Chain], list[Flaw]]:
    """All chains that records in their order (partition by partition) hold, and all that is wrong with them.

    `keys`: with which entries may be signed; without one, signatures are not looked at. `anchors`: ends of chains as
    they once were, from somewhere else than the topic. `unsigned`: those before the first that is signed need not be.
    """
    flaws: list[Flaw] = []
    chains: dict[str, list[_Entry]] = {}
    for each in found:
        entry = opened(each.value)
        if entry is None or each.value is None:
            name = (each.key or b"").decode("utf-8", "replace")
            flaws.append(Flaw(name, each.place, "this is no entry of the audit trail"))
            continue
        if each.key != entry.chain.encode():
            flaws.append(Flaw(entry.chain, each.place, "its key is not that of its chain"))
        read = _Entry(each, entry, link(each.value), proven(each.value, keys))
        chains.setdefault(entry.chain, []).append(read)
    walked = {name: _walk(name, entries, bool(keys), unsigned, flaws) for name, entries in sorted(chains.items())}
    for name, anchor in sorted((anchors or {}).items()):
        links = {each.entry.sequence: each.link for each in chains.get(name, ())}
        if anchor.sequence and anchor.sequence not in links:
            there = f"it ends with entry {max(links)}" if links else "there is nothing of it"
            flaws.append(Flaw(name, "", f"entry {anchor.sequence} was there when the anchor was taken; now {there}"))
        elif anchor.sequence and links[anchor.sequence] != anchor.link:
            flaws.append(Flaw(name, "", f"entry {anchor.sequence} is not the one of which the anchor was taken"))
    return walked, flaws


def _walk(name: str, entries: list[_Entry], asked: bool, lenient: bool, flaws: list[Flaw]) -> Chain:
    """One chain from its beginning; what is wrong with it is appended."""
    if len({each.stored.partition for each in entries}) > 1:  # the topic has been given more partitions
        entries = sorted(entries, key=lambda each: each.entry.sequence)
    head, before, signed, unsigned = Head(0, ""), "", False, 0
    links: dict[int, tuple[str, str]] = {}
    sound: dict[int, str] = {}
    for stored, entry, own, good in entries:
        number, place = entry.sequence, stored.place
        unsigned += good is None
        if asked and good is False:
            words = f"entry {number} is not signed with our key: whoever wrote or changed it does not have it"
            flaws.append(Flaw(name, place, words))
            continue
        if asked and good is None and (signed or not lenient):
            flaws.append(Flaw(name, place, f"entry {number} is not signed"))
            if signed:
                continue
        signed = signed or bool(good)
        wrong = ""
        if number in links and links[number][0] == own:
            wrong = f"entry {number} is here again; it stands at {links[number][1]}"
        elif number in links:
            wrong = f"there are two entries {number}, and this is not the one at {links[number][1]}: the chain forks"
        elif number <= head.sequence:
            wrong = f"entry {number} stands behind entry {head.sequence}: their order was changed, or it was put in"
        if wrong:
            flaws.append(Flaw(name, place, wrong))
            continue
        if number > head.sequence + 1:
            gap = head.sequence + 1
            words = f"entry {gap} is missing" if number == gap + 1 else f"entries {gap} to {number - 1} are missing"
            flaws.append(Flaw(name, place, f"{words} before entry {number}"))
        elif entry.previous != head.link:
            what = f"entry {head.sequence} at {before}" if before else "nothing"
            flaws.append(Flaw(name, place, f"entry {number} does not follow on {what}: one of them was changed"))
        if entry.record.offset in sound:
            flaws.append(Flaw(name, place, f"record {entry.record.offset} has an entry already"))
        links[number] = own, place
        sound[entry.record.offset] = entry.digest
        head, before = Head(number, own), place
    return Chain(head, len(entries), unsigned, sound)


class Source(NamedTuple):
    """What a chain is of. `digests`: of the records that should have an entry, by offset; `oldest`: the first offset
    that the topic still has; `read`: the first that has not been audited yet; `thinned`: it is compacted, so that
    records between may be gone."""

    digests: Mapping[int, str]
    oldest: int
    read: int
    thinned: bool = False


def compare(name: str, chain: Chain | None, source: Source) -> list[Flaw]:
    """What a chain says against what is audited."""
    sound = chain.sound if chain is not None else {}
    flaws = [
        Flaw(name, "", f"record {offset} has no entry: it was taken away, or the record was put in later")
        for offset in sorted(source.digests.keys() - sound.keys())
    ]
    for offset, said in sorted(sound.items()):
        if offset >= source.read:
            flaws.append(Flaw(name, "", f"an entry is about record {offset}, which has not been audited yet"))
        elif offset in source.digests and source.digests[offset] != said:
            flaws.append(Flaw(name, "", f"record {offset} is not what its entry is about: one of them was changed"))
        elif offset >= source.oldest and offset not in source.digests and not source.thinned:
            flaws.append(Flaw(name, "", f"an entry is about record {offset}, and there is none"))
    return flaws
