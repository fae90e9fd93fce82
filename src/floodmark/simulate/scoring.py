"""The shop's model: what `fraud-scorer` predicted, and what turned out to be true, hours later or never.

The true label follows from the true features; the model sees the recorded ones. When `distance_km` drifts, the
records are wrong and the model with them: its scores rise, and its late labels show it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from floodmark.simulate.faults import HOUR, MINUTE, Fault, Floats, envelope
from floodmark.simulate.message import Message
from floodmark.simulate.topology import MODEL, MODEL_VERSION
from floodmark.simulate.world import State

NEVER = 0.12
"""Share of predictions that are never labelled."""
EARLY = 0.004
"""Share of labels that come before their prediction: the review desk's clock and queue are not ours."""
DELAYED = 0.02
"""Share of outcomes that reach the topic up to `DELAY` seconds after younger ones."""
DELAY = 20.0

_COUNTRIES = np.array(["PT", "ES", "FR", "DE", "IT", "PL"])
_CARDS = np.array(["credit", "debit", "prepaid"])
_DEVICES = np.array(["mobile", "desktop", "tablet"])


def messages(
    rng: np.random.Generator,
    topics: tuple[str, str],
    times: Floats,
    *,
    step: float,
    state: State,
    faults: Sequence[Fault],
) -> tuple[list[Message], list[Message]]:
    """(predictions, outcomes), each in the order of sending; `topics` are their topics, `state` is the model service's.

    One prediction for each of the service's requests. Labels come a lognormal time after (median 35 minutes, one in
    ten later than 2.5 hours); those that would come after the last step are not sent.
    """
    steps = np.repeat(np.arange(len(times)), (state.requests * state.up).astype(np.int64))
    n = len(steps)
    at = np.sort(times[steps] + rng.random(n) * step)
    hour = (at % 86400) / HOUR
    evening = np.cos((hour - 20) / 24 * 2 * np.pi)

    amount = np.round(rng.lognormal(3.7 + 0.06 * evening, 0.7, n), 2)
    items = 1 + rng.poisson(1.6, n)
    age = np.round(rng.gamma(1.6, 260, n), 1)
    distance = rng.lognormal(2.6 - 0.05 * evening, 0.9, n)
    idle = np.round(rng.exponential(14, n), 2)
    country = rng.choice(len(_COUNTRIES), n, p=[0.28, 0.22, 0.18, 0.14, 0.10, 0.08])
    card = rng.choice(len(_CARDS), n, p=[0.58, 0.36, 0.06])
    mobile = 0.56 + 0.05 * evening
    draw = rng.random(n)
    device = np.where(draw < mobile, 0, np.where(draw < mobile + 0.36, 1, 2))

    def logit(kilometres: Floats) -> Floats:
        signs: Floats = 2.6 * (np.log(kilometres) - 2.6) + 0.9 * (np.log(amount) - 3.7) - 0.9 * (np.log1p(age) - 5.6)
        signs += 1.6 * (card == 2) + 0.3 * (items > 4) - 0.012 * idle - 3.9
        return signs

    truth = rng.random(n) < 1 / (1 + np.exp(-1.8 * logit(distance)))
    recorded = distance.copy()
    for fault in faults:
        if fault.kind == "feature_drift":  # strength: times too large
            on = envelope(at, fault.start, fault.end, attack=5 * MINUTE)
            recorded *= 1 + (fault.strength - 1) * on
    recorded = np.round(recorded, 2)
    score = np.round(1 / (1 + np.exp(-1.8 * (logit(np.maximum(recorded, 0.01)) + rng.normal(0, 0.35, n)))), 4)

    names = [f"p{number:07d}" for number in range(n)]
    key = MODEL.encode()
    rows = zip(
        at.tolist(),
        names,
        amount.tolist(),
        items.tolist(),
        age.tolist(),
        recorded.tolist(),
        idle.tolist(),
        _COUNTRIES[country].tolist(),
        _CARDS[card].tolist(),
        _DEVICES[device].tolist(),
        score.tolist(),
        strict=True,
    )
    predictions = [
        Message(
            time,
            topics[0],
            key,
            orjson.dumps(
                {
                    "timestamp": round(time, 3),
                    "model": MODEL,
                    "version": MODEL_VERSION,
                    "prediction_id": name,
                    "features": {
                        "amount": money,
                        "items": count,
                        "account_age_days": days,
                        "distance_km": kilometres,
                        "minutes_since_login": minutes,
                        "card": kind,
                        "device": gadget,
                    },
                    "prediction": "fraud" if p >= 0.5 else "legit",
                    "scores": {"fraud": p, "legit": round(1 - p, 4)},
                    "groups": {"country": land},
                }
            ),
            1,
        )
        for time, name, money, count, days, kilometres, minutes, land, kind, gadget, p in rows
    ]

    known = at + np.maximum(120.0, rng.lognormal(np.log(35 * MINUTE), 1.1, n))
    known = np.where(rng.random(n) < EARLY, at - rng.uniform(1, 15, n), known)
    known = np.round(np.maximum(known, times[0]), 3)
    sent = known + np.where(rng.random(n) < DELAYED, rng.uniform(0, DELAY, n), 0.0)
    kept = np.flatnonzero((rng.random(n) >= NEVER) & (sent < times[-1] + step))
    kept = kept[np.argsort(sent[kept], kind="stable")]
    outcomes = [
        Message(
            sending,
            topics[1],
            key,
            orjson.dumps(
                {
                    "timestamp": knowing,
                    "model": MODEL,
                    "prediction_id": names[i],
                    "label": "fraud" if fraud else "legit",
                }
            ),
            1,
        )
        for i, sending, knowing, fraud in zip(
            kept.tolist(), sent[kept].tolist(), known[kept].tolist(), truth[kept].tolist(), strict=True
        )
    ]
    return predictions, outcomes
