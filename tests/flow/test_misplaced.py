"""From detect tasks to the correlator: an unkeyed stream is found out, a keyed one and a moved series are not."""

import json
import random
from collections.abc import Callable

import pytest

from floodmark.config.models import Config, Input
from floodmark.flow import groups
from floodmark.records import Output, Record, Task

START = 1_700_006_400
CONFIG = Config(inputs=[Input(topic="metrics", signal="metric"), Input(topic="logs", signal="log")])
EVENTS = {
    "metrics": lambda host: {"name": "cpu", "value": 1.0, "labels": {"host": host}},
    "logs": lambda host: {"body": "served", "labels": {"service": host}},
}


def correlated(signal: str, place: Callable[[int, int], int], minutes: int = 80) -> tuple[Task, int]:
    """Twenty hosts that say something each half minute, on the partition that `place` (host, minute) says."""
    work = groups(CONFIG)
    tasks = [work["detect"][signal](signal, partition, {signal: 4}) for partition in range(4)]
    correlate = work["correlate"]["floodmark.anomalies"]("floodmark.anomalies", 0, {"floodmark.anomalies": 1})
    taken, samples = 0, 0
    for tick in range(2 * minutes):
        for host in range(20):
            time = START + 30 * tick
            event = {"timestamp": time} | EVENTS[signal](f"h{host}")
            record = Record(signal, 0, taken, time * 1000, None, json.dumps(event).encode())
            out: list[Output] = tasks[place(host, tick // 2)].process([record])
            taken += 1
            samples += sum(dict(o.headers)["ce_type"] == b"dev.floodmark.series-sample.v1" for o in out)
            correlate.process([Record("a", 0, 0, -1, o.key, o.value, o.headers) for o in out])
    return correlate, samples


@pytest.mark.parametrize(("signal", "first"), [("metrics", 'cpu{host="h'), ("logs", 'log_lines{service="h')])
def test_an_unkeyed_stream_is_found_out(signal: str, first: str) -> None:
    draw = random.Random(5)
    correlate, samples = correlated(signal, lambda host, minute: draw.randrange(4))
    assert correlate.counts()["misplaced:series"] > 10
    (remark,) = correlate.remarks()
    assert remark.startswith(f"Series {first}")
    assert f"of topic {signal} arrives on partitions 0, 1, 2 and 3: its producers do not key by series" in remark
    assert samples < 40  # they stop when nothing is new


def test_a_keyed_stream_is_not() -> None:
    correlate, _ = correlated("metrics", lambda host, minute: host % 4)
    assert (correlate.counts()["misplaced:series"], correlate.remarks()) == (0, [])


@pytest.mark.parametrize("back", [False, True])
def test_series_that_move_since_the_topic_has_more_partitions_are_not(back: bool) -> None:
    """Half of them move from two partitions to four, and the hosts of partition 0 and 1 go on to be heard there."""
    correlate, _ = correlated("metrics", lambda host, minute: host % 4 if (minute >= 40) != back else host % 2, 130)
    assert (correlate.counts()["misplaced:series"], correlate.remarks()) == (0, [])
