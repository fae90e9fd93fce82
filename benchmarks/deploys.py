"""Whether releases that harm nobody stay silent, and bad ones are told and blamed.

    python benchmarks/deploys.py --seeds 1-2 [--days 14] [--harmless 200] [--bad 30]

Two weeks of the demo's shop with three or four instances of each service: rolling updates (the series of the old
instances end, new ones begin), restarts, instances that leave for good or are added, settings; some announced by a
change event and some not. Among them are bad releases, rolled back after a while. Metrics, logs and changes; other
options are those of incidents.py.

Printed: harmless changes; incidents that belong to no bad release, and how many the budget allows; of those, the ones
that begin within a quarter of an hour of a harmless change of a service in them; bad releases told, and told by the
harm (an error or a latency that rises, not only instances that were replaced); those whose release is the first cause
of the main incident.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final, NamedTuple

from detected import correlate, detect
from floodmark.alerts import Incident
from floodmark.config.models import Correlate
from floodmark.simulate.faults import DAY, MINUTE
from floodmark.simulate.rollouts import Rollout
from floodmark.simulate.score import Score, scoreboard
from floodmark.simulate.shop import Topic
from floodmark.simulate.shops import released_shop
from incidents import add_options, shop_system, words

_TOPICS: Final[tuple[Topic, ...]] = ("metrics", "logs", "changes")
SOON = 15 * MINUTE
"""What begins this soon after a change is taken for its effect."""


class Figures(NamedTuple):
    """One shop. `beside`: what kind of rollout each false incident that began soon after one follows."""

    name: str
    harmless: int
    allowed: float
    score: Score
    beside: Counter[str]

    @property
    def by_harm(self) -> int:
        """Bad releases in whose incidents an error or a latency rises."""
        return sum(any(map(_harmed, row.incidents)) for row in self.score.rows)

    @property
    def blamed(self) -> int:
        """Bad releases that are the first cause of their main incident, with the change."""
        mains = [(row.fault.service, row.main) for row in self.score.rows if row.main is not None]
        return sum(
            bool(main.causes) and main.causes[0].entity == service and main.causes[0].change is not None
            for service, main in mains
        )


def _harmed(incident: Incident) -> bool:
    names = [member.series.partition("{")[0] for member in incident.members if member.direction == "up"]
    return any("error" in name or "latency" in name for name in names)


def after(incident: Incident, harmless: Sequence[Rollout]) -> Rollout | None:
    """The latest harmless rollout of a service of the incident that it began soon after."""
    began = incident.started_at.timestamp()
    near = [each for each in harmless if each.service in incident.entities and -MINUTE <= began - each.time <= SOON]
    return near[-1] if near else None


def measure(options: argparse.Namespace, seed: int) -> list[Figures]:
    """A shop at each of the budgets, detected once."""
    shop, harmless = released_shop(seed, options.days, options.harmless, options.bad)
    name = f"released {seed} {options.days:g}d {options.harmless}+{options.bad}"
    watched = shop_system(name, shop, options.topics or _TOPICS, options.series)
    detected = detect(watched, options.keep, stale=options.stale)
    found = []
    for budget in options.budget:
        incidents = correlate(watched, detected, budget)
        score = scoreboard(incidents, detected.anomalies, 0, watched.faults, watched.depends_on)
        followed = [after(incident, harmless) for incident in score.noise]
        beside = Counter(
            each.sort if each.announced else f"{each.sort} (not announced)" for each in followed if each is not None
        )
        found.append(Figures(f"{name} at {words(budget)}", len(harmless), budget * options.days * DAY, score, beside))
    return found


HEAD = (
    "| shop | harmless changes | incidents of no bad release | allowed | beside a harmless change | which "
    "| bad releases told | by the harm | exactly one | the release first among causes | open after, s (median) "
    "| anomalies |"
)


def row(figures: Figures) -> str:
    """One line of the table."""
    score = figures.score
    which = ", ".join(f"{sort} {count}" for sort, count in sorted(figures.beside.items()))
    cells = [figures.name, str(figures.harmless), str(len(score.noise)), f"{figures.allowed:.1f}"]
    cells += [str(figures.beside.total()), which, f"{score.found} of {score.faults}"]
    cells += [str(figures.by_harm), str(score.exactly_one)]
    cells += [f"{figures.blamed} of {score.found}", "" if score.delay is None else f"{score.delay:.0f}"]
    return "| " + " | ".join([*cells, str(score.anomalies)]) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--days", type=float, default=14.0)
    parser.add_argument("--harmless", type=int, default=200)
    parser.add_argument("--bad", type=int, default=30)
    options = parser.parse_args()
    options.budget = options.budget or [Correlate().false_incidents]
    print(HEAD + "\n|" + "---|" * (HEAD.count("|") - 1), flush=True)
    found: list[Figures] = []
    with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for figures in pool.map(partial(measure, options), options.seeds):
            found += figures
            print("\n".join(row(each) for each in figures), flush=True)
    harmless, noise = sum(each.harmless for each in found), sum(len(each.score.noise) for each in found)
    allowed, told = sum(each.allowed for each in found), sum(each.score.found for each in found)
    bad, blamed = sum(each.score.faults for each in found), sum(each.blamed for each in found)
    delays = [each.delay for figures in found for each in figures.score.rows if each.delay is not None]
    late = statistics.median(delays) if delays else 0.0
    print(
        f"\n{harmless} harmless changes, {noise} incidents of no bad release where {allowed:.1f} are allowed; "
        f"{told} of {bad} bad releases told after {late:.0f} s (median), {blamed} with the release first among causes."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
