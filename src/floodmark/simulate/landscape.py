"""A wide system of services, made from a seed: gateways, front ends, services five to eight calls deep, and leaves.

Only how it is built, never what happens in it. The figures are round numbers of middling systems.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from floodmark.simulate.topology import MB, Call, Gauge, ServiceKind, ServiceSpec

_FRONTS: Final = ("web", "mobile-api", "partner-api", "admin")
_NAMES: Final = (
    "orders", "baskets", "pricing", "promotions", "lookup", "ranking", "products", "reviews", "media", "profiles",
    "sessions", "auth", "loyalty", "wallet", "billing", "refunds", "invoices", "tax", "risk", "dispatch", "tracking",
    "carriers", "warehouse", "stock", "supply", "returns", "notify", "feeds", "features", "experiments", "geo",
    "stores", "gift-cards", "subscriptions", "ads", "content", "translations", "audit", "exports", "surveys", "offers",
    "availability", "bookings", "quotes", "contracts", "scheduling", "routing", "fleet", "labels", "claims",
)  # fmt: skip
_EXTERNAL: Final = ("card-network", "postal-lookup", "sms-gateway", "map-tiles", "mail-relay", "credit-bureau", "bank")
_SUFFIX: Final[dict[ServiceKind, str]] = {"database": "db", "cache": "cache", "queue": "events", "external": "api"}

_EVERY: Final[tuple[Gauge, ...]] = (
    "http_latency_p50_ms",
    "http_latency_p99_ms",
    "network_receive_bytes_total",
    "network_transmit_bytes_total",
    "open_files",
)
_GAUGES: Final[dict[ServiceKind, tuple[Gauge, ...]]] = {
    "service": (*_EVERY, "threads", "gc_pause_ms", "active_connections"),
    "database": (*_EVERY, "db_connections_in_use", "disk_used_ratio", "replication_lag_ms"),
    "cache": (*_EVERY, "cache_hit_ratio", "active_connections"),
    "queue": (*_EVERY, "queue_depth", "consumer_lag", "disk_used_ratio"),
    "external": ("http_latency_p50_ms", "http_latency_p99_ms"),
}
_LATENCY: Final[dict[ServiceKind, tuple[float, float]]] = {
    "service": (15, 70),
    "database": (6, 20),
    "cache": (0.8, 2.5),
    "queue": (3, 9),
    "external": (80, 280),
}
"""Own p95, ms: from, to."""
_RATES: Final = (2.0, 700.0)
"""Requests a second of a service at mean load: at least, at most."""


def landscape(seed: int, services: int = 60, arrivals: float = 240.0) -> dict[str, ServiceSpec]:
    """So many services, callers before what they call; `arrivals` requests a second come to the gateway.

    Some two fifths are leaves: databases, caches, queues, and what others run. Raises ValueError for fewer than 12.
    """
    if services < 12:
        raise ValueError(f"a wide system has 12 services or more, not {services}")
    rng = np.random.default_rng([seed, 100])
    leaves = round(0.38 * services)
    fronts = min(len(_FRONTS), 1 + services // 15)
    depth = int(rng.integers(3, 6))  # tiers of services between front ends and leaves
    names = _names(rng, services - leaves - fronts - 1)
    tiers: list[list[str]] = [["gateway"], list(_FRONTS[:fronts]), *([] for _ in range(depth))]
    for number, name in enumerate(names):
        tiers[2 + (number if number < depth else int(rng.integers(depth)))].append(name)

    calls: dict[str, dict[str, Call]] = {name: {} for tier in tiers for name in tier}
    for level, tier in enumerate(tiers[1:], 1):
        for name in tier:
            above = [other for upper in tiers[1:level] for other in upper] or tiers[0]
            parents = {str(rng.choice(tiers[level - 1])), *rng.choice(above, int(rng.poisson(0.7))).tolist()}
            for parent in sorted(parents):
                calls[parent][name] = _call(rng, 0.25, 1.1)

    kinds: dict[str, ServiceKind] = dict.fromkeys(calls, "service")
    inner = [name for tier in tiers[2:] for name in tier]
    poor = [name for name in inner if not calls[name]]  # whoever calls nobody keeps something
    for number in range(leaves):
        kind = _leaf_kind(number, leaves)
        owner = poor.pop(0) if poor and kind == "database" else str(rng.choice(inner))
        name = _leaf_name(owner, kind, kinds)
        kinds[name], calls[name] = kind, {}
        for parent in sorted({owner, *rng.choice(inner, int(rng.poisson(0.9))).tolist()}):
            calls[parent][name] = _call(rng, 0.4, 1.8)
    return _specs(rng, calls, kinds, arrivals)


def _names(rng: np.random.Generator, count: int) -> list[str]:
    order = [_NAMES[i] for i in rng.permutation(len(_NAMES))]
    return [order[i % len(order)] + (f"-{i // len(order) + 1}" if i >= len(order) else "") for i in range(count)]


def _leaf_kind(number: int, leaves: int) -> ServiceKind:
    share = number / leaves
    if share < 0.42:
        return "database"
    return "cache" if share < 0.64 else "queue" if share < 0.80 else "external"


def _leaf_name(owner: str, kind: ServiceKind, taken: dict[str, ServiceKind]) -> str:
    free = [name for name in _EXTERNAL if name not in taken] if kind == "external" else []
    name = free[0] if free else f"{owner}-{_SUFFIX[kind]}"
    number = 2
    while name in taken:
        name, number = f"{owner}-{_SUFFIX[kind]}-{number}", number + 1
    return name


def _call(rng: np.random.Generator, low: float, high: float) -> Call:
    return Call(round(float(rng.uniform(low, high)), 2), round(float(rng.uniform(0.2, 0.95)), 2))


def _specs(
    rng: np.random.Generator,
    calls: dict[str, dict[str, Call]],
    kinds: dict[str, ServiceKind],
    arrivals: float,
) -> dict[str, ServiceSpec]:
    """The services with their figures; rates of calls are bent so that no service is idle, and none swamped."""
    callers: dict[str, list[str]] = {name: [] for name in calls}
    for caller, called in calls.items():
        for name in called:
            callers[name].append(caller)
    rates = {"gateway": arrivals}
    found: dict[str, ServiceSpec] = {}
    for name in kinds:
        rate = sum(calls[caller][name].rate * rates[caller] for caller in callers[name])
        if callers[name]:
            bend = min(max(rate, _RATES[0]), _RATES[1]) / rate
            for caller in callers[name]:
                call = calls[caller][name]
                calls[caller][name] = Call(call.rate * bend, call.coupling)
            rates[name] = rate * bend
    for name, kind in kinds.items():
        low, high = _LATENCY[kind]
        idle = float(rng.uniform(0.05, 0.14))
        ours = kind != "external"
        several = ours and rng.random() < (0.85 if kind == "service" else 0.6)
        found[name] = ServiceSpec(
            calls[name],
            round(float(np.exp(rng.uniform(np.log(low), np.log(high)))), 2),
            round(float(rng.uniform(0.0008, 0.004)), 4),
            (round(idle, 3), round(idle + float(rng.uniform(0.2, 0.5)), 3)) if ours else None,
            round(float(rng.uniform(300, 2600))) * MB if ours else None,
            bool(rng.random() < 0.7),
            _GAUGES[kind],
            arrivals if name == "gateway" else 0.0,
            int(rng.integers(3, 7) if kind == "service" else rng.integers(2, 4)) if several else 0,
            kind == "service",
            kind,
        )
    return found
