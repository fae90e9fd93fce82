"""Why an entity is taken for the cause, as a sentence: when it moved, what moved, who depends on it, what was changed.

It says what the numbers saw and must never decide anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from floodmark.alerts import ChangeNotice
from floodmark.correlate.kinds import Kind, kind
from floodmark.correlate.sentences import cut, listed, readable, sentence, span
from floodmark.correlate.signs import Suspect
from floodmark.correlate.symptoms import Symptom
from floodmark.correlate.topology import Topology

_NOUNS: Final = {"deploy": "deploy", "rollback": "rollback", "restart": "restart", "scale": "scaling"}
"""Kinds of changes that are called so; others are changes of something."""
_BEGAN: Final = 0.5
"""From where on the sign says that a change of load began here."""


def reason(suspect: Suspect, suspects: Sequence[Suspect], topology: Topology) -> str:
    """Why one of the suspects is taken for the cause."""
    parts = [_when(suspect, suspects)]
    source = suspect.signs["source"] >= _BEGAN
    if suspect.symptoms:
        parts.append(_what(suspect.telling, "load" if source else None))
    if source:
        parts.append("its load changed, and that of no caller did")
    if suspect.naming:
        verb = "point" if len(suspect.naming) > 1 else "points"
        parts.append(f"{listed(suspect.naming)} {verb} to it")
    dependents = [
        other.entity for other in suspects if other.symptoms and suspect.entity in topology.closure(other.entity)
    ]
    if dependents := [name for name in dependents if name != suspect.entity]:
        verb = "depends" if len(dependents) == 1 else "depend"
        parts.append(f"{listed(dependents)} {verb} on it")
    if suspect.change is not None:
        lead = suspect.onset - suspect.change.time.timestamp()
        what = _changed(suspect.change)
        when = f"came {span(lead)} earlier" if lead >= 1 else "came at the same time"
        about = f" ({cut(suspect.change.summary, 80)})" if suspect.change.summary else ""
        parts.append(f"{what}{about} {when}")
    return sentence(", ".join(parts))


def _changed(change: ChangeNotice) -> str:
    """ "a deploy", "a failed deploy of 2.14.0", "a config change", "a rollback to 2.13.2"."""
    noun = _NOUNS.get(change.kind, f"{change.kind} change")
    word = {"started": "unfinished ", "failed": "failed ", "cancelled": "cancelled "}.get(change.status, "")
    of = "to" if change.kind == "rollback" else "of"
    version = f" {of} {cut(change.version, 40)}" if change.version else ""
    return f"{'an' if word[:1] == 'u' else 'a'} {word}{noun}{version}"


def _when(suspect: Suspect, suspects: Sequence[Suspect]) -> str:
    name = suspect.entity
    others = [other for other in suspects if other.entity != name and other.symptoms]
    if not suspect.symptoms:
        return (
            f"nothing is measured of {name}" if suspect.signs["unmeasured"] else f"{name} shows no anomaly of its own"
        )
    if not others:
        return f"only {name} is affected"
    next_one = min(others, key=lambda other: (other.onset, other.entity))
    lead = next_one.onset - suspect.onset
    if lead >= 1:
        return f"{name} moved first ({span(lead)} before {next_one.entity})"
    if lead > -1:
        return f"{name} was among the first to move"
    return f"{name} moved {span(lead)} after {next_one.entity}"


def _what(own: Sequence[Symptom], above_all: Kind | None) -> str:
    """What moved, above all series of one kind if one is given."""
    if alerts := [symptom for symptom in own if symptom.signal == "alert"]:
        told = dict.fromkeys(f"{each.labels.get('source', 'another tool')} says {each.name}" for each in alerts)
        rest = [symptom for symptom in own if symptom.signal != "alert"]
        return listed([*([_what(rest, above_all)] if rest else []), *told])
    if own[0].head == "entity":
        return "many of its series are a little odd at once"
    silent = [symptom for symptom in own if symptom.head == "stale"]
    if silent:
        return (
            f"its {readable(silent[0].name)} fell silent"
            if len(silent) == 1
            else f"{len(silent)} of its series fell silent"
        )
    strongest = max(own, key=lambda s: (kind(s) == above_all, s.deviation() or 0.0, s.surprise(), s.id))
    size = strongest.deviation() or 0.0
    way = f" {strongest.direction}" if strongest.direction in ("up", "down") else ""
    far = f" by {_times(size)} the width of its band" if size >= 4 else ""
    verb = "is" if len(own) == 1 else "are"
    return f"{len(own)} of its series {verb} out of band ({readable(strongest.name)}{way}{far})"


def _times(size: float) -> str:
    # Half-widths from the middle; said in whole widths beyond it.
    widths = size / 2
    return "more than 100 times" if widths >= 100 else f"{widths:.3g} times"
