"""The feedback topic: records to verdicts, for whoever reads it. What is no verdict is said and changes nothing."""

from __future__ import annotations

from typing import Final

import msgspec

from floodmark.config import models
from floodmark.detect.feedback import Feedback
from floodmark.records import Record, Remark
from floodmark.signals import Verdict

_CUT: Final = 300
"""Characters of a reason: it may quote the record."""
_DECODER: Final = msgspec.json.Decoder(Verdict)


class FeedbackListener:
    """Hears the feedback topic (`records.Listener`); `feedback` is for the tasks."""

    what = "feedback"

    def __init__(self, settings: models.Feedback) -> None:
        self.topic = settings.topic
        self.feedback = Feedback(settings.delay)

    def hear(self, record: Record) -> Remark:
        try:
            verdict = _DECODER.decode(record.value or b"")
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            return Remark("a record that is no feedback is left out", wrong=True, facts={"reason": str(error)[:_CUT]})
        odd = self.feedback.learn(verdict)
        about = {"undoes": verdict.undoes}
        if verdict.verdict == "not_anomaly":
            about = {"series": verdict.series, "direction": verdict.direction}
        facts = {"id": verdict.id, "verdict": verdict.verdict, **about, "by": verdict.by, "at": verdict.at.isoformat()}
        return Remark("feedback", wrong=bool(odd), facts={**facts, "reason": odd} if odd else facts)

    def standing(self) -> int:
        return self.feedback.standing
