"""What two runs over the same input have written, compared record by record: lost, doubled, changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from floodmark.letters import reason
from kafka_side import Written

Lane = Hashable
Item = tuple[str, tuple[object, ...]]
"""What a record is called, and all that it says."""


class Difference(NamedTuple):
    """Records that are missing, are there again, or say something else, stand elsewhere or should not be there."""

    lost: int = 0
    doubled: int = 0
    changed: int = 0

    def __add__(self, other: object) -> Difference:
        if not isinstance(other, Difference):
            return NotImplemented
        return Difference(self.lost + other.lost, self.doubled + other.doubled, self.changed + other.changed)


KINDS = ("anomaly", "watermark", "series-sample", "incident", "action-outcome", "dead letter")


def sorted_by_kind(records: Iterable[Written]) -> dict[str, dict[Lane, list[Item]]]:
    """Our records by kind and lane, in order within a lane.

    A lane is what has an order that no interleaving may change: of anomalies and watermarks, a task's records in one
    partition; of incidents, the revisions of one and what came of actions on it; of dead letters, one origin. A
    watermark that says "idle", or is said again, is the wall clock's word and left out.
    """
    kinds: dict[str, dict[Lane, list[Item]]] = {kind: defaultdict(list) for kind in KINDS}
    for r in records:
        said = (r.key, r.value, r.headers)
        kind = r.header("ce_type").removeprefix("dev.floodmark.").removesuffix(".v1")
        name = r.header("ce_id")
        if not kind:
            why = reason(r.headers)
            place = "" if why.element is None else str(why.element)
            kinds["dead letter"][why.topic, why.partition, why.offset].append((place, said))
        elif kind in ("incident", "action-outcome"):
            kinds[kind][r.key].append((name, said))
        elif kind in kinds and not name.endswith(("/idle", "/again")):
            kinds[kind][r.header("ce_source"), r.partition].append((name, said))
    return kinds


def compare(reference: Mapping[Lane, Sequence[Item]], found: Mapping[Lane, Sequence[Item]]) -> Difference:
    """All lanes of one kind."""
    total = Difference()
    for lane in {**reference, **found}:
        total += compare_lane(reference.get(lane, ()), found.get(lane, ()))
    return total


def compare_lane(reference: Sequence[Item], found: Sequence[Item]) -> Difference:
    """One lane. A record that the reference does not know counts as changed, and so does one out of its order."""
    should, has = (Counter(name for name, _ in items) for items in (reference, found))
    lost = (should - has).total()
    doubled = sum(count - should[name] for name, count in has.items() if name in should and count > should[name])
    invented = sum(count for name, count in has.items() if name not in should)
    common = should & has
    one, other = _first(reference, common), _first(found, common)
    changed = sum(a != b for a, b in zip(one, other, strict=True))
    return Difference(lost, doubled, invented + changed)


def _first(items: Sequence[Item], counts: Counter[str]) -> list[Item]:
    """The items, in order, each name as often as `counts` has it."""
    left = Counter(counts)
    kept = []
    for item in items:
        if left[item[0]] > 0:
            left[item[0]] -= 1
            kept.append(item)
    return kept
