"""Series as the stage judged them, point by point: what is drawn, and what `explain` tells of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from floodmark.alerts import Anomaly
from floodmark.config.models import Config
from floodmark.detect import DetectStage
from floodmark.detect.alarms import Witness
from floodmark.detect.feedback import Feedback
from floodmark.detect.model import Judgement
from floodmark.detect.schedules import Why
from floodmark.detect.series import Series
from floodmark.detect.watched import Watched
from floodmark.tuning.recording import Recording

_BANDS: Final = 2_000
"""Points of a series for which a band is asked for: more cannot be told apart in a picture."""


class Line(NamedTuple):
    """A series to be drawn, by column: epoch seconds and values, and at some of these times, `at`, the ends of the
    band (NaN where there is none) and what was expected between them."""

    times: list[float]
    values: list[float]
    at: list[float]
    expected: list[float]
    low: list[float]
    high: list[float]


def follow(
    config: Config,
    recording: Recording,
    wanted: Callable[[Series], bool],
    witness: Witness,
    until: float = math.inf,
    feedback: Feedback | None = None,
) -> Iterator[Anomaly]:
    """Run the recording up to a time, `until` included, and show each point of the series that are wanted.

    `witness` may be shown other points too. Gives the anomalies of all series, as they come.
    """
    stage, tape = DetectStage(config, "trace/0", 1, feedback), recording.tape()
    stage.watch(wanted, witness)
    for batch in recording.read(until):
        told = stage.process(batch.signals) if batch.signals else stage.take(tape(batch))
        yield from (each for each in told if isinstance(each, Anomaly))


def lines(
    config: Config, recording: Recording, points: dict[str, int], feedback: Feedback | None = None
) -> dict[str, Line]:
    """The series with these keys, each of about so many points, with the band of its first head."""
    found = {key: Line([], [], [], [], [], []) for key in points}
    every = {key: max(1, count // _BANDS) for key, count in points.items()}

    def witness(watched: Watched, judgement: Judgement, _: Why | None) -> None:
        key = watched.series.key
        line = found.get(key)
        if line is None:
            return
        x = judgement.context
        line.times.append(x.time)
        line.values.append(x.value)
        if len(line.times) % every[key]:
            return
        expected, low, high = main_band(watched, judgement)
        line.at.append(x.time)
        line.expected.append(expected)
        line.low.append(low)
        line.high.append(high)

    for _ in follow(config, recording, lambda series: series.key in found, witness, feedback=feedback):
        pass
    return found


def main_band(watched: Watched, judgement: Judgement) -> tuple[float, float, float]:
    """Expected, low and high of the first head, which is the one to draw; NaN before the series has warmed up."""
    if watched.model.seen < watched.detector.warmup or not judgement.deviations:
        return math.nan, math.nan, math.nan
    return watched.model.band(judgement._replace(head=0), watched.alpha)
