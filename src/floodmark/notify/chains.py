"""Who is paged after whom. A chain is gone through step by step, by the clock, until somebody takes it on. Pure."""

from __future__ import annotations

from typing import NamedTuple

from floodmark.alerts import Severity
from floodmark.config.notify import Notify, Route
from floodmark.notify.cases import ChainStep, Climb, Plan


class Fire(NamedTuple):
    """A step that is due: who is to be told, why, and how many have been before it."""

    names: tuple[str, ...]
    reason: str
    number: int


def plan_of(route: Route, notify: Notify) -> Plan:
    """How the incidents of a route are told, as the config says now. Of playbooks and targets only the names."""
    chain = notify.chains.get(route.chain) if route.chain is not None else None
    page: Severity = route.page
    plan = Plan(
        route=route.name,
        targets=list(dict.fromkeys(route.targets)),
        page=page,
        fallback=list(route.fallback),
        playbooks=list(route.playbooks),
    )
    if chain is None:
        return plan
    return Plan(
        route=plan.route,
        targets=plan.targets,
        page=page,
        fallback=plan.fallback,
        playbooks=plan.playbooks,
        steps=[ChainStep(list(step.notify), step.wait) for step in chain.steps],
        repeat=chain.repeat,
        last=list(chain.fallback),
    )


def begin(plan: Plan, now: float, first: str = "", told: bool = False) -> Climb | None:
    """Start at step 1, now; `first` is asked before it, alone. `told`: step 1 has been told already, by a digest."""
    if not plan.steps:
        return None
    return Climb(now + plan.steps[0].wait, 1) if told else Climb(now, 0, first)


def fire(plan: Plan, climb: Climb, now: float) -> tuple[Fire | None, Climb | None]:
    """The step that is due, and where the chain stands then: None at its end. Of several that are overdue, after an
    outage, only the newest fires."""
    if climb.due > now:
        return None, climb
    total = len(plan.steps) * plan.repeat
    step, due = climb.step, climb.due
    if climb.first and due + _wait(plan, 0) > now:
        return Fire((climb.first,), "", 0), Climb(now + _wait(plan, 0), 0)
    due += _wait(plan, 0) if climb.first else 0.0
    while step < total and due + _wait(plan, step) <= now and (step + 1 < total or plan.last):
        due += _wait(plan, step)
        step += 1
    if step >= total:
        return Fire(tuple(plan.last), "nobody has taken it on", step), None
    names = plan.steps[step % len(plan.steps)].notify
    if step == 0:
        return Fire(tuple(names), "", 0), _next(plan, Climb(due, 0), now)
    waited = _words(_wait(plan, step - 1))
    again = step // len(plan.steps)
    words = f"nobody has taken it on for {waited}: step {step % len(plan.steps) + 1}"
    fired = Fire(tuple(names), f"{words}, for the {_ordinal(again + 1)} time" if again else words, step)
    return fired, _next(plan, Climb(due, step), now)


def _next(plan: Plan, climb: Climb, now: float) -> Climb | None:
    step = climb.step + 1
    if step >= len(plan.steps) * plan.repeat and not plan.last:
        return None
    return Climb(now + _wait(plan, climb.step), step)


def _wait(plan: Plan, step: int) -> float:
    return plan.steps[step % len(plan.steps)].wait


def _words(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
