"""What the arrays of a bank hold: a row for each series, and beside it its daily profile and evidence window.

A row is a `SeriesModel` and the times that the core keeps with it, without what follows from `seen`: the number of
points of a fading mean that learns every point is `seen`, up to its `warm`. Names are those of the model's parts.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

DAY_SLOTS: Final = 96
WEEK_SLOTS: Final = 168
WINDOW: Final = 16
"""Points in the longest window of `LevelShift`."""
SHAPE_WINDOW: Final = 16
SHAPE_PAST: Final = 112
"""Means of points that `Shape` looks at, and those before that it remembers."""

FORECAST: Final = 1
RANGE: Final = 2
FLATLINE: Final = 4
LEVEL: Final = 8
STALE: Final = 16
DRIFT: Final = 32
VARIANCE: Final = 64
SHAPE: Final = 128
"""Bits of `heads`."""

TAILS: Final = (FORECAST, RANGE, FLATLINE, LEVEL, DRIFT, VARIANCE, SHAPE)
"""Whose tails a row has, in their order."""

SLOT_BITS: Final = 25
"""A token is a row's number in these low bits and, above, a serial number that no two tenants of a row share."""

KIND_BITS: Final = 3
GAUGE: Final = 0
COUNTER: Final = 1
DELTA: Final = 2
UNTYPED: Final = 3
"""How a metric's sample is to be read, in the low bits of a ref."""
SCALED: Final = 4
"""A bit beside the kind: the value is in another unit than the series, and is to be multiplied first."""

METRIC: Final = np.dtype(
    [
        ("token", "i8"),  # 0: nobody's
        ("used", "i8"),  # the bank's clock when it was last used
        ("series", "i8"),  # token of the series in the bank; one of the words below
        ("time", "f8"),
        ("value", "f8"),  # the last good reading, but of a gauge; NaN before the first
        # Of a counter: see `readings`. `held`: time of `value` while there is a `low`.
        ("low", "f8"),
        ("held", "f8"),
        ("began", "f8"),
        ("rate", "f8"),
        # Of what says no kind: since when it has only grown, or has been lower; and how often.
        ("since", "f8"),
        ("ups", "u4"),
        ("falls", "u1"),
        ("lows", "u1"),  # readings that went on from the dip
        ("kind", "u1"),
        ("how", "u1"),  # one of the words below
        ("converted", "u1"),  # values have come in another unit, which was told
    ],
    align=True,
)
SAID: Final = 0
OPEN: Final = 1
LEARNED: Final = 2
FORCED: Final = 3
"""`how` the kind of a metric is known: its producer says it; nobody does; by its values; the config does."""
UNKNOWN: Final = -1
"""`series` of a metric of which the core has to be asked."""
DISABLED: Final = -2
"""`series` of a metric that no detector watches."""

SERIES: Final = np.dtype(
    [
        ("token", "i8"),
        ("used", "i8"),
        ("seen", "i8"),
        # The smallest p-value since the entities were last judged, and which way it was: 1, -1, or 0 for neither.
        ("p", "f8"),  # NaN before the first after the warm-up
        ("way", "i1"),
        ("entity", "i4"),  # the number of the series' entity; 0: none
        # The core's: newest point, longest silence of late, share of points that came late.
        ("last", "f8"),
        ("gap", "f8"),
        ("sporadic", "f8"),
        # Forecaster, and its daily expert.
        ("learned", "f8"),
        ("interval", "f8"),
        ("level", "f8"),
        ("base", "f8"),
        ("error", "f8"),
        ("day_since", "f8"),  # NaN before the first
        ("day_level", "f8"),
        ("day_error", "f8"),
        # Errors of the long-run level, without a season and with the daily one.
        ("slow_error", "f8"),
        ("day_slow", "f8"),
        ("size", "f8"),
        # Heads.
        ("spread", "f8"),
        ("centre", "f8"),
        ("up", "f8"),
        ("down", "f8"),
        ("low", "f8"),
        ("high", "f8"),
        ("changed", "f8"),
        ("before", "f8"),
        ("run", "i8"),
        ("longest", "i8"),
        ("short", "f8"),
        ("long", "f8"),
        ("recent", "f8", (WINDOW,)),  # a ring; `recent_at` is written next
        ("drift", "f8"),
        ("drift_far", "f8"),
        ("drift_usual", "f8"),
        ("drift_scale", "f8"),
        ("step_short", "f8"),  # between neighbours
        ("step_usual", "f8"),
        ("step_last", "f8"),
        ("step_centre", "f8"),
        ("step_scale", "f8"),
        ("shape_size", "f8"),
        ("shape_last", "f8"),
        ("shape_before", "f8"),
        ("shape_sum", "f8"),
        ("shape_energy", "f8"),
        ("shape_centre", "f8"),
        ("shape_scale", "f8"),
        ("shape_z", "f8"),
        ("shape_far", "f8"),
        ("shape_usual", "f8"),
        ("shape_window", "f4", (SHAPE_WINDOW,)),  # oldest first
        ("shape_past", "f4", (SHAPE_PAST,)),
        # Tails, by head (see `TAILS`): up's three rungs, then down's. The peaks of the last three's clusters.
        ("tried", "f8"),  # of `Frequency`
        ("odd", "f8"),
        ("odd_since", "f8"),
        ("points", "f8"),
        ("weight", "f8"),  # of the newest point
        ("above", "f8", (7, 6)),
        ("excess", "f8", (7, 6)),
        ("peak", "f8", (3,)),
        ("week", "i4"),  # row among the weekly profiles; -1 while it has none
        ("rule", "i4"),  # row among the rules
        # Numbers of points of the means that do not learn every point.
        ("base_n", "u2"),
        ("drift_far_n", "u2"),
        ("sporadic_n", "u2"),
        ("up_n", "u2"),
        ("down_n", "u2"),
        ("short_n", "u2"),
        ("long_n", "u2"),
        ("shape_n", "u2"),
        ("cells", "u2"),  # points in the evidence window
        ("next_cell", "u2"),
        ("recent_n", "u1"),
        ("recent_at", "u1"),
        ("shape_points", "u1"),
        ("shape_window_n", "u1"),
        ("shape_past_n", "u1"),
        ("heads", "u1"),
        ("nonnegative", "u1"),
        ("counting", "u1"),
        ("scheduled", "u1"),  # a deadline is set
        ("out", "u1"),  # the series is a SeriesModel for now: the row is stale
    ],
    align=True,
)

UNJUDGED: Final = 2.0
"""`p` of a series without a point since the entities were judged."""

WEEK: Final = np.dtype(
    [
        ("since", "f8"),
        ("level", "f8"),
        ("error", "f8"),
        ("slow", "f8"),
        ("mean", "f8", (WEEK_SLOTS,)),
        ("count", "f4", (WEEK_SLOTS,)),
    ],
    align=True,
)

RULE: Final = np.dtype([("false_alarms", "f8"), ("warmup", "i8")])
"""Of a detector, what the kernel has to know."""

# Why the kernel has come back.
DONE: Final = 0
TICK: Final = 1  # before the point: event time has reached the next tick
METRIC_UNKNOWN: Final = 2  # before the point: its token is nobody's (any more)
SERIES_UNKNOWN: Final = 3  # before the point: its metric has no series in the bank
PYTHON: Final = 4  # the point, whose value is now that of the sample, is for the core to observe
SCHEDULE: Final = 5  # after the point: its series has no deadline yet and should have one
ROOM: Final = 6  # after the point: the last free weekly profile is taken
SETTLE: Final = 7  # after the point: its series is young, and has been in two states
TURN: Final = 8  # before the point: its metric is a counter after all, or is none

# What the kernel counts, by place in its tally.
TALLY: Final = (
    "signals:metric",
    "skipped:no_value",
    "skipped:duplicate",
    "skipped:out_of_order",
    "skipped:negative_counter",
    "counter_resets",
    "skipped:disabled",
    "skipped:out_of_order",
    "skipped:not_finite",
    "counter_dips",
)


Rows = NDArray[Any]
NO_STARTS: Final = np.zeros(0)


class Points(NamedTuple):
    """Points of metrics in order. `refs`: tokens of metrics, shifted, and the sample's kind in the low bits. `values`:
    NaN is none; where the kernel stops, that of the sample that was made of it. `starts`: see `Metric`; empty if none
    has one."""

    refs: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    starts: NDArray[np.float64] = NO_STARTS


class Stop(NamedTuple):
    """Where the kernel stopped, and why."""

    at: int
    why: int
