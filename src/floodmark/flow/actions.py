"""What people do, on its way: to the correlator through the anomalies, and to detection through every process's ear.

Both read the same topic. What is no action becomes a dead letter of the task; a listener only says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from floodmark.actions import CORRELATED, DETECTED, Action, ActionOutcome
from floodmark.config import models
from floodmark.config.models import Config
from floodmark.detect.upkeep import Upkeep
from floodmark.events import MalformedEventError, decode, encode
from floodmark.flow.decoding import Decoding
from floodmark.records import Awaited, Output, Record, Remark, Task

_CUT: Final = 300
"""Characters of a reason: it may quote the record."""


class ActionTask:
    """One partition of the actions: copies those that change incidents to where the anomalies are.

    One with a scope goes where the anomalies of that scope go; any other to every partition, of which one has the
    incident. It keeps nothing: a repeated action is repeated, and the correlator knows it by its id.
    """

    def __init__(self, config: Config, topic: str, partition: int) -> None:
        self._name = f"{topic}/{partition}"
        self._decode = Decoding(config, None, "route")
        self._counts: Counter[str] = Counter()

    def process(self, records: Sequence[Record]) -> list[Output]:
        out: list[Output] = []
        for record in records:
            found = self._decode.event(record, out)
            if isinstance(found, Action):
                self._counts["signals:action"] += 1
                if found.verb in CORRELATED:
                    key, any_may_have_it = found.scope or found.key(), bool(found.incident) and not found.scope
                    copy = encode(found, source=self._name, key=key, everywhere=any_may_have_it)
                    out.append(copy._replace(stream="anomalies"))
            elif found is not None and not isinstance(found, ActionOutcome):
                self._decode.refuse(record, "not_ours", f"this is no action but a {type(found).__name__}", out)
        return out

    def speak(self, *, idle: bool) -> list[Output]:
        return []

    def awaited(self) -> Awaited | None:
        return None

    def forgo(self, names: Sequence[str], silent: float) -> list[Output]:
        return []

    def learning(self) -> Sequence[str]:
        return ()

    def counts(self) -> Mapping[str, int]:
        return Counter(self._decode.counts()) + self._counts

    def sizes(self) -> Mapping[str, int]:
        return {}

    def remarks(self) -> list[str]:
        return []

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> Mapping[str, int]:
        return {}

    def graft(self, warmed: Task) -> None:
        """There is nothing to take over."""


class ActionsListener:
    """Hears the actions (`records.Listener`) for what changes which series are judged; `upkeep` is for the tasks."""

    what = "actions"

    def __init__(self, topic: str, settings: models.Actions) -> None:
        self.topic = topic
        self.upkeep = Upkeep(settings.delay)

    def hear(self, record: Record) -> Remark | None:
        try:
            action = decode(record)
        except MalformedEventError as error:
            return Remark("a record that is no action is left out", wrong=True, facts={"reason": str(error)[:_CUT]})
        if not isinstance(action, Action) or action.verb not in DETECTED:
            return None
        odd = self.upkeep.learn(action)
        facts = {"id": action.id, "verb": action.verb, "by": action.by, "at": action.at.isoformat()}
        if action.args.undoes:
            facts["undoes"] = action.args.undoes
        if action.args.until is not None:
            facts["until"] = action.args.until.isoformat()
        return Remark("maintenance", wrong=bool(odd), facts={**facts, "reason": odd} if odd else facts)

    def standing(self) -> int:
        return self.upkeep.standing
