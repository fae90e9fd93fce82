"""The two halves of a request to a model server, which it logs apart: what it was asked and what it answered.

They are joined by model and id, in either order. An answer whose question has not come after `PATIENCE` is a prediction
without features; a question without an answer is none. Never looks at what the rows say.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Final

from floodmark.signals import Inference, Prediction

PATIENCE: Final = 600.0
"""Seconds of event time that a half waits for the other one."""

Waiting = OrderedDict[tuple[str, str], Inference]
"""Halves by model and id, in the order in which they came."""


class Requests:
    """Halves that wait, of at most `most` rows together.

    Counts: duplicate_half (the first of an id counts), rows_differ (as many answers as rows were not given: they are
    taken without features), unanswered_request and unasked_answer (the other half has not come, or there was no room).
    """

    def __init__(self, most: int, counts: Counter[str]) -> None:
        self._most = most
        self._counts = counts
        self._waiting: Waiting = OrderedDict()
        self._rows = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, half: Inference) -> list[Prediction]:
        """The predictions that a half completes, or that are given up for want of room."""
        key = (half.model, half.request_id)
        other = self._waiting.get(key)
        if other is None:
            self._waiting[key] = half
            self._rows += _rows(half)
            given_up: list[Prediction] = []
            while self._rows > self._most:
                given_up += self._give_up()
            return given_up
        if other.answered is half.answered:
            self._counts["duplicate_half"] += 1
            return []
        del self._waiting[key]
        self._rows -= _rows(other)
        return self._predictions(*((other, half) if half.answered else (half, other)))

    def expire(self, newest: float) -> list[Prediction]:
        """The predictions of answers that have waited too long at event time `newest`."""
        given_up: list[Prediction] = []
        while self._waiting and next(iter(self._waiting.values())).time < newest - PATIENCE:
            given_up += self._give_up()
        return given_up

    def state(self) -> Waiting:
        return self._waiting

    def restore(self, state: Waiting) -> None:
        """Go on from what `state` gave; what there is no more room for goes with the next half that comes."""
        self._waiting = state
        self._rows = sum(map(_rows, state.values()))

    def _give_up(self) -> list[Prediction]:
        _, half = self._waiting.popitem(last=False)
        self._rows -= _rows(half)
        self._counts["unasked_answer" if half.answered else "unanswered_request"] += 1
        return self._predictions(None, half) if half.answered else []

    def _predictions(self, asked: Inference | None, answer: Inference) -> list[Prediction]:
        """A prediction for each answer; its id is the request's, with its place among the rows if there are several."""
        rows = len(answer.predictions)
        features = asked.features if asked is not None else []
        if asked is not None and len(features) != rows:
            self._counts["rows_differ"] += 1
            features = []
        version = answer.version or (asked.version if asked is not None else "")
        return [
            Prediction(
                answer.time,
                answer.model,
                version,
                answer.request_id if rows == 1 else f"{answer.request_id}/{row}",
                features[row] if features else {},
                answer.predictions[row],
                answer.scores[row] if answer.scores else {},
            )
            for row in range(rows)
        ]


def _rows(half: Inference) -> int:
    return max(1, len(half.features), len(half.predictions))
