"""How often the first cause is right, how far its share can be believed, and the weights that the ranking goes by.

    python benchmarks/causes.py --demo 7-9,20-24 --wide 1-2 --nezha DATA --keep DIR [--stale] [--write]

Each system is detected once (`--keep`, as in incidents.py) and correlated. For each fault the incident that holds most
of it is taken as it was when it opened, ten minutes later and at its end, and once more with a quarter of the leaves of
the graph made third parties, of which there is no series. The weights of the signs are fitted by a conditional logit:
the likelihood of the true cause among the suspects, with a ridge towards `PRIOR`.

All figures are of systems that were not seen: fitted on the other kinds of system, or on the other half of the faults.
`--write` puts the weights of a fit on everything into the package.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detected import Detected, System, detect
from floodmark.alerts import Anomaly, ChangeNotice, Dependencies, Incident
from floodmark.config.models import Correlate, Service
from floodmark.correlate import CorrelateStage
from floodmark.correlate import causes as package
from floodmark.correlate.signs import SIGNS, suspects
from floodmark.correlate.symptoms import Symptom
from floodmark.correlate.topology import Topology
from floodmark.simulate.faults import HOUR, MINUTE, Fault
from floodmark.simulate.shop import Shop
from floodmark.simulate.shops import wide_shop
from floodmark.simulate.topology import downstream, neighbours
from incidents import nezha_system, shop_system

PRIOR: Final[Mapping[str, float]] = {"change": 2.5, "silence": 1.5}
"""What weights are drawn to; 0 else. Recent changes and dead services are rarer in our systems than in life."""
RIDGE: Final = 3.0
MOMENTS: Final[Mapping[str, float]] = {"opened": 0.5, "10 min": 0.5, "ended": 1.0, "measured": 0.15, "unmeasured": 0.15}
"""When an incident is looked at, or whether it is one with third parties, and is caused by one; and what it counts."""
DRAWS: Final = 3
TAIL: Final = 5 * MINUTE
Matrix = NDArray[np.float64]
Weights = Mapping[str, float]


class Case(NamedTuple):
    """An incident of a fault at a moment: the signs of each suspect, and which of them are right."""

    kind: str
    fault: str
    what: str
    moment: str
    signs: Mapping[str, Mapping[str, float]]
    right: Collection[str]


def main() -> None:
    options = arguments()
    cases = [case for system, kind in systems(options) for case in read(system, kind, detect_(system, options))]
    kinds = list(dict.fromkeys(case.kind for case in cases))
    print("first cause right, of those with a suspect; nats by which the truth surprises\n")
    print("| read on | fitted on | " + " | ".join(MOMENTS) + " | all | nats |")
    print("|---|---|" + "---|" * (len(MOMENTS) + 2))
    held: list[tuple[Case, Weights]] = []
    for kind in kinds:
        own, rest = [case for case in cases if case.kind == kind], [case for case in cases if case.kind != kind]
        if rest:
            show(kind, "other systems", [(case, fitted) for fitted in [fit(rest)] for case in own])
        faults = sorted({case.fault for case in own})
        halves = [set(faults[0::2]), set(faults[1::2])]
        fits = [fit([*rest, *(case for case in own if case.fault not in half)]) for half in halves]
        pairs = [
            (case, weights) for half, weights in zip(halves, fits, strict=True) for case in own if case.fault in half
        ]
        show(kind, "and half of its faults", pairs)
        held += pairs
        show(kind, "(as in the package)", [(case, package.WEIGHTS) for case in own])
    kinds_of_faults(held)
    reliability(held)
    weights = fit(cases)
    print("\n| sign | " + " | ".join(kinds) + " | all |\n|---|" + "---|" * (len(kinds) + 1))
    by_kind = [fit([case for case in cases if case.kind == kind]) for kind in kinds]
    for sign in SIGNS:
        print(f"| {sign} | " + " | ".join(f"{one[sign]:.2f}" for one in (*by_kind, weights)) + " |")
    if options.write:
        write(weights, cases)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=seeds, default=[], help="seeds of the demo's shop: 7-9,20-24")
    parser.add_argument("--wide", type=seeds, default=[], help="seeds of the wide shop")
    parser.add_argument("--nezha", type=Path, help="folder of Nezha's Online Boutique")
    parser.add_argument("--keep", type=Path, help="folder for what was detected")
    parser.add_argument("--stale", action="store_true", help="take it even if other code has detected it")
    parser.add_argument("--write", action="store_true", help="put the weights into the package")
    return parser.parse_args()


def seeds(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def systems(options: argparse.Namespace) -> Iterator[tuple[System, str]]:
    for seed in options.demo:
        yield shop_system(f"demo {seed}", Shop(seed)), "demo"
    for seed in options.wide:
        yield shop_system(f"wide {seed} mc", wide_shop(seed), ("metrics", "changes")), "wide"
    if options.nezha:
        yield nezha_system(options.nezha), "nezha"


def detect_(system: System, options: argparse.Namespace) -> Detected:
    return detect(system, options.keep, stale=options.stale)


# -- incidents as cases -----------------------------------------------------------------------------------------------


def read(system: System, kind: str, detected: Detected) -> Iterator[Case]:
    """The cases of a system."""
    services = {name: Service(depends_on=called) for name, called in system.depends_on.items()}
    topology = Topology(services)
    told: dict[str, list[Anomaly]] = defaultdict(list)
    changes: list[ChangeNotice] = []
    stage = CorrelateStage(Correlate(members=10_000), services, buffer=10**9)
    revisions: list[Incident] = []
    for item, task in detected.sent:
        revisions += stage.process(item, task)
        if isinstance(item, Anomaly):
            told[item.series].append(item)
        elif isinstance(item, ChangeNotice):
            changes.append(item)
        elif isinstance(item, Dependencies):
            topology.learn(item.calls, item.time.timestamp())
    revisions += stage.finish()
    for own in told.values():
        own.sort(key=lambda anomaly: (anomaly.updated_at, anomaly.started_at, anomaly.event != "opened"))
    measured = {anomaly.entity for own in told.values() for anomaly in own}
    for fault, of_fault in assigned(system, revisions):
        first, last = of_fault[0], of_fault[-1]
        begun, opened = first.started_at.timestamp(), first.updated_at.timestamp()
        scene = Scene(kind, f"{system.name} {fault.id}", fault, topology)
        for moment, until in (
            ("opened", opened),
            ("10 min", max(opened, begun + 10 * MINUTE)),
            ("ended", last.updated_at.timestamp()),
        ):
            revision = max((r for r in of_fault if r.updated_at.timestamp() <= until), key=lambda r: r.revision)
            symptoms = as_held(revision, told, until)
            known = [change for change in changes if begun - HOUR / 2 <= change.time.timestamp() <= until]
            yield scene.case(moment, symptoms, known, measured)
            if moment == "ended":
                yield from scene.third_parties(symptoms, known, measured)


class Scene(NamedTuple):
    """A fault, and where it is."""

    kind: str
    name: str
    fault: Fault
    topology: Topology

    @property
    def right(self) -> set[str]:
        """Its place; of a delay between two, either."""
        return {place for place in (self.fault.service, self.fault.peer) if place}

    def case(
        self, moment: str, symptoms: Iterable[Symptom], changes: Iterable[ChangeNotice], measured: Collection[str]
    ) -> Case:
        found = suspects(symptoms, changes, self.topology, measured)
        signs = {suspect.entity: suspect.signs for suspect in found}
        return Case(self.kind, self.name, self.fault.kind, moment, signs, self.right)

    def third_parties(
        self, symptoms: Sequence[Symptom], changes: Sequence[ChangeNotice], measured: Collection[str]
    ) -> Iterator[Case]:
        """The same where a quarter of the leaves, drawn by lot, have no series."""
        leaves = [entity for entity in sorted(measured) if not self.topology.depends_on(entity)]
        for draw in range(DRAWS):
            lot = random.Random(f"{self.name} {draw}")
            gone = {entity for entity in leaves if lot.random() < 0.25}
            rest = [symptom for symptom in symptoms if symptom.entity not in gone]
            called = {called for symptom in rest for called in self.topology.depends_on(symptom.entity)}
            hidden = self.right <= gone
            if called & gone and (called & self.right or not hidden):
                yield self.case("unmeasured" if hidden else "measured", rest, changes, set(measured) - gone)


def assigned(system: System, revisions: Sequence[Incident]) -> Iterator[tuple[Fault, list[Incident]]]:
    """Each fault that has an incident, and the revisions of the one with most members.

    An incident is that of a fault that it may follow from by time and place, rather one whose very service it touches,
    rather the youngest.
    """
    by_incident: dict[str, list[Incident]] = defaultdict(list)
    for revision in revisions:
        by_incident[revision.id].append(revision)
    near = neighbours(system.depends_on)
    owned: dict[str, list[list[Incident]]] = defaultdict(list)
    for own in by_incident.values():
        if own[-1].merged_into is not None:
            continue
        started, entities = own[0].started_at.timestamp(), set(own[-1].entities)
        fits = []
        for fault in system.faults:
            places = {place for place in (fault.service, fault.peer) if place}
            reach = places.union(*(near.get(place, set()) for place in places))
            if fault.kind == "traffic_drop":
                reach |= downstream(system.depends_on, fault.service)
            tail = 4 * HOUR if fault.kind == "feature_drift" else TAIL
            if fault.start - MINUTE <= started <= fault.end + tail and reach & entities:
                fits.append((bool(places & entities), fault.start, fault.id))
        if fits:
            owned[max(fits)[2]].append(own)
    for fault in system.faults:
        if own_ := owned.get(fault.id):
            yield fault, max(own_, key=lambda own: (own[-1].member_count, -own[0].started_at.timestamp()))


def as_held(revision: Incident, told: Mapping[str, Sequence[Anomaly]], until: float) -> list[Symptom]:
    """The symptoms of an incident at a time, epoch seconds."""
    found = []
    for member in revision.members:
        symptom: Symptom | None = None
        for anomaly in told[member.series]:
            if anomaly.updated_at.timestamp() > until:
                break
            if symptom is not None:
                symptom.take(anomaly)
            elif anomaly.id == member.id:
                symptom = Symptom.of(anomaly, member.started_at.timestamp(), member.why, late=member.late)
        if symptom is not None:
            found.append(symptom)
    return found


# -- the fit ----------------------------------------------------------------------------------------------------------


def fit(cases: Iterable[Case]) -> Weights:
    """Weights that make the right ones most likely; Newton's method. Where several are right, any will do."""
    prior = np.array([PRIOR.get(sign, 0.0) for sign in SIGNS])
    weights = prior.copy()
    rows: list[tuple[Matrix, Matrix, float]] = []
    for case in cases:
        right = np.array([float(entity in case.right) for entity in case.signs])
        if 0 < right.sum() < len(right):
            signs = np.array([[own[sign] for sign in SIGNS] for own in case.signs.values()])
            rows.append((signs, right, MOMENTS[case.moment]))
    for _ in range(100):
        gradient, curvature = -RIDGE * (weights - prior), RIDGE * np.eye(len(SIGNS))
        for signs, right, counts in rows:
            shares = softmax(signs @ weights)
            mean = shares @ signs
            of_right = shares * right
            gradient += counts * (of_right / of_right.sum() @ signs - mean)
            curvature += counts * ((signs * shares[:, None]).T @ signs - np.outer(mean, mean))
        step = np.linalg.solve(curvature, gradient)
        weights += np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-6:
            break
    return dict(zip(SIGNS, weights.tolist(), strict=True))


def softmax(scores: Matrix) -> Matrix:
    shares: Matrix = np.exp(scores - scores.max())
    shares /= shares.sum()
    return shares


def ranked(case: Case, weights: Weights) -> list[tuple[float, str]]:
    """Share and entity, the most probable first."""
    entities = list(case.signs)
    scores = np.array([math.fsum(weights[sign] * value for sign, value in case.signs[e].items()) for e in entities])
    return sorted(zip(softmax(scores).tolist(), entities, strict=True), key=lambda pair: (-pair[0], pair[1]))


# -- tables -----------------------------------------------------------------------------------------------------------


def show(kind: str, fitted: str, pairs: Sequence[tuple[Case, Weights]]) -> None:
    """A row: how often the first is right by moment, and over all moments of incidents as they were."""
    right: Counter[str] = Counter()
    count: Counter[str] = Counter()
    nats = total = good = 0.0
    for case, weights in pairs:
        order = ranked(case, weights)
        hit = order[0][1] in case.right
        right[case.moment] += hit
        count[case.moment] += 1
        if case.moment not in ("measured", "unmeasured"):
            counts = MOMENTS[case.moment]
            # Who is not even suspected is taken to have been given one in a hundred.
            share = math.fsum(share for share, entity in order if entity in case.right)
            nats -= counts * math.log(max(share, 0.01))
            total, good = total + counts, good + counts * hit
    cells = [f"{right[moment]}/{count[moment]}" for moment in MOMENTS]
    print(f"| {kind} | {fitted} | {' | '.join(cells)} | {good / total:.2f} | {nats / total:.2f} |")


def kinds_of_faults(pairs: Sequence[tuple[Case, Weights]]) -> None:
    right: Counter[tuple[str, str]] = Counter()
    count: Counter[tuple[str, str]] = Counter()
    for case, weights in pairs:
        if case.moment == "ended":
            right[case.kind, case.what] += ranked(case, weights)[0][1] in case.right
            count[case.kind, case.what] += 1
    print("\n| system | fault | first cause right at the end |\n|---|---|---|")
    for kind, what in sorted(count):
        print(f"| {kind} | {what.replace('_', ' ')} | {right[kind, what]}/{count[kind, what]} |")


def reliability(pairs: Sequence[tuple[Case, Weights]]) -> None:
    """How often the first cause is right, by the share that it was given."""
    bins: dict[float, list[tuple[float, bool, float]]] = defaultdict(list)
    for case, weights in pairs:
        if case.moment in ("opened", "10 min", "ended"):
            share, entity = ranked(case, weights)[0]
            edge = max(edge for edge in (0.0, 0.3, 0.5, 0.7, 0.9, 0.98) if share >= edge)
            bins[edge].append((share, entity in case.right, MOMENTS[case.moment]))
    print("\n| share of the first cause | cases | said | right |\n|---|---|---|---|")
    for edge, found in sorted(bins.items()):
        total = math.fsum(counts for *_, counts in found)
        said = math.fsum(share * counts for share, _, counts in found) / total
        right = math.fsum(counts for _, hit, counts in found if hit) / total
        print(f"| from {edge:.2f} | {len(found)} | {said:.2f} | {right:.2f} |")


def write(weights: Weights, cases: Sequence[Case]) -> None:
    """Into the package, with a word on where they come from."""
    faults = Counter(kind for kind, _ in {(case.kind, case.fault) for case in cases})
    about = "Fitted by benchmarks/causes.py on incidents of " + ", ".join(
        f"{count} faults of {kind}" for kind, count in sorted(faults.items())
    )
    fitted = package.Fitted(weights={sign: round(weight, 2) for sign, weight in weights.items()}, about=about)
    path = Path(package.__file__).with_suffix(".json")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(fitted), indent=2) + b"\n")
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    main()
