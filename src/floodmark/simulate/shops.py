"""Systems to watch beside the demo's shop: a wide one with faults minutes apart, and one with a fault every two hours.

Each is a `Shop` that follows from a seed.
"""

from __future__ import annotations

import numpy as np

from floodmark.simulate.faults import DAY, HOUR
from floodmark.simulate.landscape import landscape
from floodmark.simulate.programmes import bursts, steady
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
