"""The title of an incident, as the one on call would say it: what moves at the entity that leads, from what to what.

"payment: HTTP errors 0.1 → 38 a second; new log line 'acquirer refused <*>'; 3 more services affected". Pure functions
of symptoms; they must never decide anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from floodmark.correlate.naming import Labels
from floodmark.correlate.sentences import cut, moment, readable
from floodmark.correlate.symptoms import Symptom
from floodmark.units import Unit, change, parsed

_MOST: Final = 3
"""Moves that are told."""
_CANDIDATES: Final = 8
"""Moves that are tried: one that is too long makes room for the next."""
_QUOTED: Final = (48, 36, 26)
"""Characters of a log template that are quoted, the widest that leaves room for a second move."""
_LEAST_QUOTED: Final = 18
"""The fewest that are worth it."""
_CLEAR: Final = 12.0
"""-log10 of a p-value from which on nobody asks which is clearer: then what users feel comes first."""
_FELT: Final = re.compile(r"err|fail|5xx|exception|latency|duration|timeout|reject|lost|unavailable", re.IGNORECASE)
_DETAIL: Final = re.compile(r"\b(?:p\d+|rate|ratio|share of|total|failed|max|avg|mean|median)\b|\(.*?\)")
_SMALL: Final = 0.05
"""Of the larger value: a change that is less is told after others."""
_LITTLE_WORDS: Final = frozenset(("in", "after", "for", "at", "of", "to", "is", "was", "took", "with", "by"))
_TOGETHER: Final = "entity"
_REACHED: Final = {"up": "up to", "down": "down to", "none": "at"}
_MEASURED: Final = re.compile(r"<\*: [^<>]*>")
"""A parameter with its value, as a template shows it."""
_STEERING: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\s]+")
_CODES: Final = ("log_code_error_ratio", "log_code_errors", "log_code_mix")
_STANDING: Final = ("stale", "flatline")


class Move(NamedTuple):
    """What one or several series that are alike do: `said` with their values, and a log template to be quoted where
    `{}` stands in it, empty if there is none. `topic`: moves of the same topic say the same."""

    said: str
    quoted: str
    topic: str


def labels_in_common(symptoms: Iterable[Symptom]) -> dict[str, str]:
    """The labels that all of them have, with the same values."""
    shared: dict[str, str] | None = None
    for symptom in symptoms:
        if shared is None:
            shared = dict(symptom.labels)
        else:
            shared = {label: value for label, value in shared.items() if symptom.labels.get(label) == value}
    return shared or {}


def order(symptoms: Iterable[Symptom]) -> list[Symptom]:
    """As they are told: the operator's own limit, what hurts, what nobody has judged, and last what does nobody harm;
    of each the most surprising first."""
    return sorted(symptoms, key=lambda s: (_rank(s), -min(s.strength, _CLEAR), not _FELT.search(s.name), *_last(s)))


def moves(
    symptoms: Iterable[Symptom],
    entity: str,
    common: Mapping[str, str],
    new: Collection[str] = (),
    *,
    over: bool = False,
) -> list[Move]:
    """What symptoms of one entity do, each thing once and the most important first. `common`: labels of all members;
    `new`: log templates that were never seen before. `over`: they have ended."""
    alike: dict[tuple[str, ...], list[Symptom]] = {}
    ordered = order(symptoms)
    counted = {symptom.template for symptom in ordered if symptom.name == "log_template"}
    ordered = [each for each in ordered if each.name != "log_new_templates" or each.template not in counted]
    ordered = _best_of_codes(ordered)
    # Many small surprises at once say nothing beside the series themselves.
    for symptom in [each for each in ordered if each.head != _TOGETHER] or ordered:
        alike.setdefault(_kind(symptom, entity, common), []).append(symptom)
    silent = [key for key, group in alike.items() if group[0].head == "stale"]
    if len(silent) > 1:  # one word for them all, in the place of the first
        alike[silent[0]] = [symptom for key in silent for symptom in alike[key]]
        for key in silent[1:]:
            del alike[key]
    known: set[str] = set()
    told: dict[str, Move] = {}
    for group in alike.values():
        move = _move(group, entity, common, known, new, over=over)
        told.setdefault(move.topic, move)
    return list(told.values())


def _best_of_codes(ordered: Sequence[Symptom]) -> list[Symptom]:
    """Of the codes of a field, the share of bad ones says most, then their number, then that their mix is unusual."""
    best: dict[str, int] = {}
    for symptom in ordered:
        if symptom.name in _CODES:
            field = symptom.labels.get("field", "")
            best[field] = min(best.get(field, len(_CODES)), _CODES.index(symptom.name))
    return [
        each
        for each in ordered
        if each.name not in _CODES or _CODES.index(each.name) == best[each.labels.get("field", "")]
    ]


def compose(entity: str, found: Sequence[Move], tail: str, width: int) -> str:
    """The entity, as many moves as there is room for (the first in any case), and the tail, in one line: they
    hold words of the telemetry. A log template is cut shorter if a second move has room then."""
    found = [move._replace(said=one_line(move.said), quoted=one_line(move.quoted)) for move in found[:_CANDIDATES]]
    head, tail = f"{cut(one_line(entity), 50)}: ", one_line(tail)
    room = width - len(head) - len(tail)
    fitted = [_fit(found, room, quote) for quote in _QUOTED]
    told = next((each for each in fitted if len(each) > 1), fitted[0])
    return head + "; ".join(told) + tail


def _fit(found: Sequence[Move], room: int, quote: int) -> list[str]:
    """The words of the moves that have room, at most three, with templates of at most `quote` characters: only one is
    quoted."""
    told: list[str] = []
    for move in found:
        said = _said(move, room - 2 * bool(told), quote)
        if said is None and not told:
            said = cut(move.said.replace("{}", cut(move.quoted, quote)), room)
        if said is None:
            continue
        if move.quoted and said != move.said:
            quote = 0
        room -= len(said) + 2 * bool(told)
        told.append(said)
        if len(told) == _MOST:
            break
    return told


def one_line(text: str) -> str:
    """The text without breaks, and without signs that steer a terminal or turn the direction of text."""
    return _STEERING.sub(" ", text)


def _said(move: Move, room: int, quote: int) -> str | None:
    """The words of a move in so much room; None if they do not fit, or need a quote that there may not be."""
    if "{}" not in move.said:
        if len(move.said) > room:
            return None
        left = min(room - len(move.said) - len(": ''"), quote)
        return f"{move.said}: '{cut(move.quoted, left)}'" if move.quoted and left >= _LEAST_QUOTED else move.said
    left = min(room - len(move.said) + len("{}"), quote)
    needed = min(_LEAST_QUOTED, len(move.quoted))
    return move.said.replace("{}", cut(move.quoted, left)) if quote and left >= needed else None


def _rank(symptom: Symptom) -> int:
    if symptom.head == "limit":
        return 0
    harm = symptom.harm()
    if symptom.kpi and harm >= 0:
        return 1
    if harm > 0 or symptom.head == "stale":
        return 2
    return 5 if harm < 0 else 3 + _is_small(symptom)


def _is_small(symptom: Symptom) -> bool:
    """Whether it has hardly moved, however sure that is: 929 MB of memory after 886."""
    if symptom.observed is None or symptom.expected is None:
        return False
    larger = max(abs(symptom.observed), abs(symptom.expected))
    return abs(symptom.observed - symptom.expected) < _SMALL * larger


def _last(symptom: Symptom) -> tuple[float, float, str]:
    return -symptom.strength, symptom.started, symptom.id


def _kind(symptom: Symptom, entity: str, common: Mapping[str, str]) -> tuple[str, ...]:
    """What those that are alike have in common: all but which pod, disk or partition it is."""
    labels = Labels(symptom.labels, entity, common.items())
    way = symptom.head if symptom.head in _STANDING else symptom.direction
    quoted = symptom.template if symptom.name in ("log_template", "log_parameter") else ""
    if symptom.name in _CODES:
        quoted = symptom.labels.get("field", "")
    return symptom.name, way, quoted, *labels.plain


def _move(
    group: Sequence[Symptom],
    entity: str,
    common: Mapping[str, str],
    known: set[str],
    new: Collection[str],
    *,
    over: bool,
) -> Move:
    first = group[0]
    if first.signal == "alert":
        mark = _how_many(group, entity, common) if len(group) > 1 else ""
        return Move(f"{first.name} ({first.labels.get('source', 'alert')}){mark}", "", f"alert {first.name}")
    labels = Labels(first.labels, entity, common.items())
    if first.head == "stale":
        return Move(_silent(group, entity, labels, over=over), "", "silent")
    name = readable(first.name)
    if first.name == "model_feature":
        name = f"feature {first.labels.get('feature', '')}".rstrip()
        labels = Labels({}, entity)
    if codes := first.labels.get("codes", "") if first.name.startswith("log_code_error") else "":
        name, labels = codes, Labels({}, entity)
    if len(group) > 1:
        mark = _how_many(group, entity, common)
        suffix = f" {labels.plain[0]}" if labels.plain and "/" in labels.plain[0] else ""
        suffix = suffix or (f" [{', '.join(labels.plain[:2])}]" if labels.plain else "")
    else:
        mark, suffix = "", labels.suffix(known)
        known.update(labels.index.values())
    what = "" if name == entity else f"{name}{suffix} "
    said = _what(first, what, new, over=over)
    topic = " ".join(_DETAIL.sub(" ", name.lower()).split())
    if first.name.startswith("log_err"):
        topic = "error lines"
    elif first.name.startswith("log_code"):
        topic = f"codes {first.labels.get('field', '')}"
    elif first.name in ("log_lines", "log_mix"):
        topic = "log lines"
    elif "{}" in said:
        topic = first.template
    return Move(said + mark, _MEASURED.sub("<*>", first.template), f"{topic} {suffix} {first.direction}")


def _how_many(group: Sequence[Symptom], entity: str, common: Mapping[str, str]) -> str:
    """ " (4 pods)": by what they differ, if that is one thing."""
    apart = [Labels(symptom.labels, entity, common.items()).apart() for symptom in group]
    kinds = [kind for kind in apart[0] if len({each.get(kind) for each in apart}) > 1]
    number = len({each.get(kinds[0]) for each in apart}) if len(kinds) == 1 else len(group)
    noun = kinds[0] if len(kinds) == 1 and kinds[0].isascii() and kinds[0][-1:].isalpha() else "series"
    return f" ({number} {noun if noun.endswith('s') else f'{noun}s'})"


def _silent(group: Sequence[Symptom], entity: str, labels: Labels, *, over: bool) -> str:
    since = "silent" if over else f"silent since {moment(min(s.started for s in group))}"
    if len(group) > 1:
        return f"{len(group)} series {since}"
    name = readable(group[0].name)
    return since if name == entity else f"{name}{labels.suffix()} {since}"


def _what(symptom: Symptom, what: str, new: Collection[str], *, over: bool) -> str:
    """The words for what a series does; `what` is its name with a space behind it."""
    head, observed = symptom.head, symptom.observed
    special = _limit(symptom, what) if head == "limit" else _of_models(symptom, what) or _of_logs(symptom, new, over)
    if special:
        return special
    unit = unit_of(symptom, what)
    now = change(None, observed, unit)
    if head == _TOGETHER:
        odd = ", ".join(dict.fromkeys(map(_odd, symptom.together)))
        return f"{observed or 0:.0f} of its series a little odd at once" + f": {odd}" * bool(odd)
    if head == "clock":
        return f"clock {change(None, abs(observed or 0.0), unit)} {'ahead' if symptom.direction == 'up' else 'behind'}"
    if symptom.name in ("log_mix", "log_code_mix"):  # a distance, in no unit that a person knows
        return f"{what}unusual"
    if head == "flatline":
        return f"{what}stuck at {now}"
    if head == "variance":
        return f"{what}unsteady"
    if head == "shape":
        return f"{what}in an unusual pattern"
    if symptom.expected is None:
        return f"{what}{now}, unlike its past"
    pace = 60 / symptom.window if symptom.window else 1.0
    expected, now_value = symptom.expected * pace, None if observed is None else observed * pace
    if over:
        return f"{what}{_REACHED[symptom.direction]} {change(None, now_value, unit)}"
    return f"{what}{change(expected, now_value, unit)}"


def _odd(said: str) -> str:
    """ "cpu_usage_ratio up" as "CPU usage up"."""
    name, _, way = said.rpartition(" ")
    return f"{readable(name)} {way}" if way in ("up", "down") else readable(said)


def unit_of(symptom: Symptom, what: str) -> Unit:
    """The unit of a series beside its name `what`; what is counted is not said twice, and counts of a window are those
    of a minute."""
    unit = parsed(symptom.unit, symptom.name)
    if symptom.signal != "metric" and symptom.window and not unit.share and unit.per == "" and unit.word != "":
        unit = unit._replace(per="min")
    if unit.counted and (unit.word.rstrip("s") in what.lower() or symptom.name in _CODES):
        unit = unit._replace(word="", counted=False)
    if symptom.head == "error_drift" and "error rate" in symptom.summary:
        unit = Unit(share=True)
    return unit


def _limit(symptom: Symptom, what: str) -> str:
    unit = unit_of(symptom, what)
    limit = symptom.low if symptom.direction == "down" else symptom.high
    now = change(None, symptom.observed, unit)
    if limit is None or symptom.observed is None:
        return f"{what}{now}, its limit"
    reached = symptom.observed <= limit if symptom.direction == "down" else symptom.observed >= limit
    told = change(None, limit, unit)
    if reached:
        return f"{what}{now}, limit {told}"
    when = f" at {moment(symptom.limit_at, symptom.started)}" if symptom.limit_at is not None else ""
    return f"{what}{now}, reaches its limit of {told}{when}"


def _of_models(symptom: Symptom, what: str) -> str:
    drifted = {"up": "drifted up", "down": "drifted down", "none": "drifted"}[symptom.direction]
    if symptom.head == "missing_values":
        return f"{what}missing in {change(None, symptom.observed, Unit(share=True))} of predictions"
    if symptom.head in ("feature_drift", "prediction_drift"):
        # Of what is distributed differently the direction is that of one share alone.
        return f"{what}{drifted if ' drifted ' in symptom.summary else 'drifted'}"
    return {
        "new_category": f"{what}has a value that is new",
        "schema_change": f"{what}has changed its type",
    }.get(symptom.head, "")


def _of_logs(symptom: Symptom, new: Collection[str], over: bool) -> str:
    number, template = symptom.observed or 0.0, symptom.template
    if not template:
        return ""
    if symptom.name in ("log_new_templates", "log_rare_templates"):
        word = "new" if symptom.name == "log_new_templates" else "rare"
        return f"{word} log line '{{}}'" if number < 2 else f"{number:.0f} {word} kinds of log lines, first '{{}}'"
    if symptom.name == "log_template":
        pace = 60 / symptom.window if symptom.window else 1.0
        unit = Unit(word="lines", counted=True, per="min" if symptom.window else "")
        if template in new or over:
            way = "" if template in new else f"{_REACHED[symptom.direction]} "
            return f"'{{}}' {way}{change(None, number * pace, unit)}" + ", new" * (template in new)
        return f"'{{}}' {change((symptom.expected or 0.0) * pace, number * pace, unit)}"
    if symptom.name == "log_parameter":
        named = symptom.labels.get("parameter", "")
        before = None if over else symptom.expected
        of = f"{named} " if named and not named.isdigit() and named not in _LITTLE_WORDS else ""
        way = f"{_REACHED[symptom.direction]} " if over else ""
        return f"'{{}}'{':' * bool(of)} {of}{way}{change(before, symptom.observed, parsed(symptom.unit))}"
    return ""
