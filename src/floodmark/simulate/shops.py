"""Systems to watch beside the demo's shop: a wide one with faults minutes apart, one with a fault every two hours, and
one that is released to all day long.

Each is a `Shop` that follows from a seed.
"""

from __future__ import annotations

import numpy as np

from floodmark.simulate.faults import DAY, HOUR
from floodmark.simulate.landscape import landscape
from floodmark.simulate.programmes import bursts, steady
from floodmark.simulate.rollouts import Rollout, rollouts
from floodmark.simulate.shop import START, WARMUP, Shop
from floodmark.simulate.topology import SERVICES


def wide_shop(seed: int, days: float = 2.0, services: int = 60, faults: int = 45) -> Shop:
    """Some 40 series of each of the `services`, and `faults` from the 15th hour on, many of them minutes apart."""
    system = landscape(seed, services)
    rng = np.random.default_rng([seed, 101])
    programme = bursts(rng, system, START + min(WARMUP, days / 3 * DAY), START + days * DAY - HOUR, faults)
    return Shop(seed, days=days, services=system, faults=programme)


def often_shop(seed: int, days: float = 7.0) -> Shop:
    """The demo's shop with a fault every two hours from the 15th hour on, faint ones among them."""
    rng = np.random.default_rng([seed, 102])
    return Shop(seed, days=days, faults=steady(rng, SERVICES, START + WARMUP, START + days * DAY - 2 * HOUR))


def released_shop(seed: int, days: float = 14.0, harmless: int = 200, bad: int = 30) -> tuple[Shop, list[Rollout]]:
    """The demo's shop with three or four instances of each service, to which so many releases and the like come from
    the second day on; and those of them that harm nobody. Its faults are the bad releases."""
    system = {name: spec._replace(pods=3 + number % 2) for number, (name, spec) in enumerate(SERVICES.items())}
    rng = np.random.default_rng([seed, 103])
    programme = rollouts(rng, system, START, START + days * DAY, quiet=DAY, harmless=harmless, bad=bad)
    shop = Shop(
        seed, days=days, services=system, faults=programme.faults, changes=programme.changes, pods=programme.pods
    )
    return shop, programme.harmless


def calm_shop(seed: int, days: float = 28.0) -> Shop:
    """The demo's shop, to which nothing happens: whatever is told of it is false."""
    return Shop(seed, days=days, warmup=days * DAY)
