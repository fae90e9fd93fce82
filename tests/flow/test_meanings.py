"""What a series of numbers means, through the whole flow: dips, counters that do not say so, intervals and units.

Each is a stream of some hundred readings of one series, in several formats; what is asked is whether anything is told.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence

import cramjam
import msgspec
import pytest

from floodmark.alerts import Anomaly
from floodmark.config.models import Config, Input
from floodmark.decode.prometheus_remote_write import _MESSAGES
from floodmark.events import TYPES, event_type
from floodmark.flow.local import LocalFlow
from floodmark.flow.tasks import DetectTask
from floodmark.records import Record

NOON = 1_769_860_800
Reading = tuple[int, float]
Write = Callable[[int, float], bytes]


def told(format: str, messages: Sequence[tuple[int, bytes]], **config: object) -> tuple[list[Anomaly], dict[str, int]]:
    """The anomalies that opened, and what was counted."""
    source = {"topic": "m", "signal": "metric", "format": format}
    flow = LocalFlow(Config.model_validate({"inputs": [source], **config}))
    out = flow.process([Record("m", 0, i, time * 1000, b"k", value) for i, (time, value) in enumerate(messages)])
    out += flow.finish()
    anomalies = [
        msgspec.json.decode(each.value or b"", type=Anomaly)
        for each in out
        if TYPES.get(event_type(each.headers) or "") is Anomaly
    ]
    return [each for each in anomalies if each.event == "opened"], dict(flow.counts())


def influx(series: str, field: str) -> Write:
    return lambda t, v: f"{series} {field}={int(v)}i {t}000000000".encode()


def telegraf_json(name: str, field: str) -> Write:
    return lambda t, v: json.dumps(
        {"name": name, "fields": {field: v}, "tags": {"host": "n1"}, "timestamp": t}
    ).encode()


def metricbeat(path: str) -> Write:
    def write(t: int, v: float) -> bytes:
        inner: object = v
        for part in reversed(path.split(".")):
            inner = {part: inner}
        assert isinstance(inner, dict)
        return json.dumps({"@timestamp": t * 1000, "host": {"name": "n1"}, **inner}).encode()

    return write


def native(name: str, **more: object) -> Write:
    event = {"name": name, "labels": {"host": "n1"}, **more}
    return lambda t, v: json.dumps({"timestamp": t, "value": v, **event}).encode()


def remote_write(name: str) -> Write:
    label = _MESSAGES["Label"]
    raw = [label(name=n, value=v).SerializeToString() for n, v in (("__name__", name), ("instance", "n1"))]

    def write(t: int, v: float) -> bytes:
        request = _MESSAGES["WriteRequest"]()
        series = request.timeseries.add()
        series.labels.extend(raw)
        series.samples.add(value=v, timestamp=t * 1000)
        return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))

    return write


def otlp(field: str, unit: str = "", **data: object) -> Callable[[int, dict[str, object]], bytes]:
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}

    def write(t: int, point: dict[str, object]) -> bytes:
        metric = {
            "name": "m",
            "unit": unit,
            field: {**data, "dataPoints": [{"timeUnixNano": f"{t}000000000", **point}]},
        }
        return json.dumps(
            {"resourceMetrics": [{"resource": service, "scopeMetrics": [{"metrics": [metric]}]}]}
        ).encode()

    return write


def growing(count: int, step: int, *, reboot: int = -1, surge: range = range(0), dip: int = -1) -> Iterator[Reading]:
    """A counter that grows by about a thousand a minute."""
    draw, value = random.Random(7), 10**9
    for i in range(count):
        value = 400 if i == reboot else value + draw.randint(950, 1050) * step // 60 * (20 if i in surge else 1)
        yield NOON + step * i, value - 9000 if i == dip else value


KNOWN: dict[str, tuple[str, Write]] = {
    "interface": ("telegraf_influx", influx("interface,host=n1,ifName=eth0", "ifHCInOctets")),
    "diskio": ("telegraf_json", telegraf_json("diskio", "write_bytes")),
    "mysql": ("telegraf_json", telegraf_json("mysql", "questions")),
    "beat network": ("metricbeat", metricbeat("system.network.in.bytes")),
    "beat mysql": ("metricbeat", metricbeat("mysql.status.bytes.received")),
    "beat nginx": ("metricbeat", metricbeat("nginx.stubstatus.requests")),
    "mib": ("prometheus_remote_write", remote_write("ifHCOutOctets")),
}
UNKNOWN: dict[str, tuple[str, Write]] = {
    "native": ("native", native("net_recv")),
    "telegraf": ("telegraf_influx", influx("exec_shop,host=n1", "orders")),
    "metricbeat": ("metricbeat", metricbeat("shop.orders")),
    "remote write": ("prometheus_remote_write", remote_write("shop_orders")),
    "graphite": ("collectd_graphite", lambda t, v: f"shop.eu.till.orders.received {int(v)} {t}\n".encode()),
    "adapter": (
        "prometheus_kafka_adapter",
        lambda t, v: json.dumps({"timestamp": t, "value": str(v), "name": "orders", "labels": {"host": "a"}}).encode(),
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_counter_is_one_from_the_beginning(name: str) -> None:
    format, write = KNOWN[name]
    calm, counts = told(format, [(t, write(t, v)) for t, v in growing(500, 60, reboot=400)])
    assert calm == []
    assert counts["counter_resets"] == 1
    busy, _ = told(format, [(t, write(t, v)) for t, v in growing(500, 60, surge=range(400, 430))])
    assert busy


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_has_only_grown_for_a_day_is_a_counter(name: str) -> None:
    format, write = UNKNOWN[name]
    calm, counts = told(format, [(t, write(t, v)) for t, v in growing(600, 300, reboot=500)])
    assert calm == []
    assert counts["learned:counter"] == counts["counter_resets"] == 1
    busy, _ = told(format, [(t, write(t, v)) for t, v in growing(600, 300, surge=range(500, 512))])
    assert busy


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("disk_used_bytes", {}),
        ("queueDepth", {}),
        ("orders", {"detectors": [{"match": {"name": "orders"}, "kind": "gauge"}]}),
        ("orders", {"detectors": [{"limit": {"above": 2e9}}]}),
    ],
)
def test_what_is_a_level_is_none_however_it_grows(name: str, config: dict[str, object]) -> None:
    write = native(name)
    _, counts = told("native", [(t, write(t, v)) for t, v in growing(600, 300)], **config)
    assert "learned:counter" not in counts


def test_a_disk_that_fills_and_is_cleaned_is_a_gauge_again() -> None:
    write, draw, value = native("archive_bytes"), random.Random(3), 10**9
    messages = []
    for i in range(900):
        value += draw.randint(1, 9) * 10**4
        if i in (500, 520, 540):
            value = value * 6 // 10
        messages.append((NOON + 300 * i, write(NOON + 300 * i, value)))
    anomalies, counts = told("native", messages)
    assert (counts["learned:counter"], counts["learned:gauge"]) == (1, 1)
    assert not any("a second" in each.summary for each in anomalies)


def test_the_config_says_that_it_is_a_counter() -> None:
    write = native("orders")
    detectors = [{"match": {"name": "orders"}, "kind": "counter"}]
    calm, counts = told("native", [(t, write(t, v)) for t, v in growing(500, 60, reboot=400)], detectors=detectors)
    assert calm == []
    assert counts["counter_resets"] == 1


@pytest.mark.parametrize(
    ("format", "write"),
    [
        ("native", native("served", kind="counter")),
        ("prometheus_remote_write", remote_write("served_total")),
        ("telegraf_influx", influx("net,host=n1,interface=eth0", "bytes_recv")),
        ("metricbeat", metricbeat("system.network.out.bytes")),
    ],
)
def test_a_dip_is_no_reset(format: str, write: Write) -> None:
    anomalies, counts = told(format, [(t, write(t, v)) for t, v in growing(500, 60, dip=400)])
    assert anomalies == []
    assert counts["counter_dips"] == 1
    assert "counter_resets" not in counts


@pytest.mark.parametrize(("fall", "again", "name"), [(0.3, False, "counter_dips"), (0.97, True, "counter_resets")])
def test_the_start_says_whether_it_is_a_dip(fall: float, again: bool, name: str) -> None:
    """A counter that loses much and goes on from where it was, with the same start; or from there, with another."""
    write = otlp("sum", aggregationTemporality=2, isMonotonic=True)
    start, value, draw, messages = NOON - 100, 10**6, random.Random(5), []
    for i in range(500):
        t = NOON + 60 * i
        value += draw.randint(950, 1050)
        seen = value
        if i == 400:
            seen = round(value * (1 - fall))
            if again:
                value, start = seen, t - 30
        point = {"startTimeUnixNano": f"{start}000000000", "asInt": str(seen)}
        messages.append((t, write(t, point)))
    anomalies, counts = told("otlp_json", messages)
    assert counts[name] == 1
    assert anomalies == [] or again


def test_a_summarys_count_may_dip() -> None:
    write, messages = otlp("summary"), []
    for t, v in growing(500, 60, dip=400):
        point = {"startTimeUnixNano": f"{NOON - 9}000000000", "count": str(v), "sum": v * 0.5, "quantileValues": []}
        messages.append((t, write(t, point)))
    anomalies, counts = told("otlp_json", messages)
    assert anomalies == []
    assert counts["counter_dips"] == 2


@pytest.mark.parametrize("started", [True, False])
def test_a_cumulative_histogram_may_dip_and_may_stay_low(started: bool) -> None:
    write = otlp("histogram", "s", aggregationTemporality=2)
    draw, counts, lost, messages = random.Random(1), [2_000_000, 300_000, 4000], [0, 0, 0], []
    for i in range(600):
        counts = [a + b for a, b in zip(counts, (draw.randint(580, 620), draw.randint(85, 95), 1), strict=True)]
        if i == 500:
            lost = [5000, 700, 8]
        seen = [a - b for a, b in zip(counts, [900, 120, 2] if i == 400 else lost, strict=True)]
        t = NOON + 30 * i
        start = {"startTimeUnixNano": f"{NOON}000000000"} if started else {}
        total = {"count": str(sum(seen)), "sum": sum(seen) * 0.1, "explicitBounds": [0.1, 0.5]}
        messages.append((t, write(t, {**start, **total, "bucketCounts": [str(c) for c in seen]})))
    anomalies, counted = told("otlp_json", messages)
    assert anomalies == []
    assert counted["histogram_dips"] == 2
    assert "histogram_resets" not in counted


def test_a_delta_is_judged_by_its_own_interval() -> None:
    """Vector's counters that come only if there was something, each of ten seconds."""
    draw, t, messages = random.Random(6), NOON, []
    for i in range(400):
        t += 600 if i == 350 else draw.choice([10, 20, 300, 600])
        value = 1200 if i == 350 else draw.randint(50, 70)
        event = {"name": "orders", "kind": "incremental", "counter": {"value": value}, "interval_ms": 10_000,
                 "tags": {"host": "a"}, "timestamp": t}  # fmt: skip
        messages.append((t, json.dumps(event).encode()))
    anomalies, _ = told("vector_metrics", messages)
    assert [each.observed for each in anomalies] == [120.0]


@pytest.mark.parametrize(
    ("before", "now", "factor"),
    [("ms", "s", 1e-3), ("By", "KiBy", 1 / 1024), ("%", "1", 0.01), ("kBy/s", "MBy/s", 1e-3), ("us", "ms", 1e-3)],
)
@pytest.mark.parametrize("format", ["native", "otlp_json"])
def test_another_unit_of_the_same_is_the_same_series(format: str, before: str, now: str, factor: float) -> None:
    draw, messages = random.Random(1), []
    for i in range(500):
        t, new = NOON + 60 * i, i >= 400
        value, unit = draw.gauss(250, 10) * (factor if new else 1), now if new else before
        write = native("m", unit=unit)(t, value) if format == "native" else otlp("gauge", unit)(t, {"asDouble": value})
        messages.append((t, write))
    messages.append((t + 60, native("m", unit=now)(t + 60, 900 * factor) if format == "native"
                     else otlp("gauge", now)(t + 60, {"asDouble": 900 * factor})))  # fmt: skip
    anomalies, counts = told(format, messages)
    assert counts["units_converted"] == 1
    (anomaly,) = anomalies
    assert (anomaly.observed, anomaly.unit) == (pytest.approx(900), before)


def test_the_unit_of_a_histogram_may_change() -> None:
    draw, messages, counts = random.Random(1), [], [0, 0, 0, 0]
    for i in range(500):
        t, new = NOON + 60 * i, i >= 400
        counts = [a + b for a, b in zip(counts, (draw.randint(480, 520), draw.randint(300, 320), 9, 0), strict=True)]
        write = otlp("histogram", "s" if new else "ms", aggregationTemporality=2)
        bounds = [0.07, 0.1, 0.5] if new else [70, 100, 500]
        total = {"count": str(sum(counts)), "sum": sum(counts) * (0.06 if new else 60)}
        messages.append((t, write(t, {**total, "bucketCounts": [str(c) for c in counts], "explicitBounds": bounds})))
    anomalies, counted = told("otlp_json", messages)
    assert anomalies == []
    assert counted["units_converted"] == 4
    assert "histogram_resets" not in counted


def test_a_unit_of_something_else_is_another_series() -> None:
    draw, messages = random.Random(1), []
    for i in range(500):
        t, new = NOON + 60 * i, i >= 400
        value = draw.gauss(9e6, 1e5) if new else draw.gauss(250, 10)
        messages.append((t, native("m", unit="By" if new else "ms")(t, value)))
    source = {"topic": "m", "signal": "metric"}
    flow = LocalFlow(Config.model_validate({"inputs": [source]}))
    flow.process([Record("m", 0, i, time * 1000, b"k", value) for i, (time, value) in enumerate(messages)])
    assert flow.counts()["units_apart"] == 1
    assert flow.sizes()["series"] == 2


def everything() -> list[Record]:
    """Series that change what they mean, on each other's heels."""
    found: list[tuple[int, bytes]] = []
    for i, (t, v) in enumerate(growing(420, 300, reboot=390, dip=380)):
        found.append((t, native("orders")(t, v)))
        found.append((t, native("served", kind="counter")(t, v)))
        found.append((t, native("took", unit="ms" if i < 300 else "s")(t, 250 + i % 7 if i < 300 else 0.25)))
        found.append((t, native("size", unit="By" if i < 200 else "s")(t, 3 + i % 5)))
        kept = v if i < 350 else v * (0.7 if i % 5 else 0.5)
        found.append((t, native("kept")(t, round(kept))))
        found.append((t, native("jobs", **({} if i < 200 else {"kind": "counter"}))(t, v // 9)))
    return [Record("m", 0, i, t * 1000, b"k", value) for i, (t, value) in enumerate(found)]


def test_batches_and_restarts_change_nothing() -> None:
    source = Input(topic="m", signal="metric")
    config, records = Config(inputs=[source]), everything()
    whole = DetectTask(config, source, "m", 0, 1)
    wanted = whole.process(records)
    for size in (1, 97):
        task = DetectTask(config, source, "m", 0, 1)
        found = [out for at in range(0, len(records), size) for out in task.process(records[at : at + size])]
        assert found == wanted
        assert task.snapshot() == whole.snapshot()
        assert task.counts() == whole.counts()
    for cut in range(5, len(records), 211):
        before, after = DetectTask(config, source, "m", 0, 1), DetectTask(config, source, "m", 0, 1)
        out = before.process(records[:cut])
        assert not after.restore(before.snapshot())
        assert out + after.process(records[cut:]) == wanted
        assert after.snapshot() == whole.snapshot()
    counts = whole.counts()
    assert counts["learned:counter"] == 2
    assert counts["learned:gauge"] == counts["units_converted"] == counts["units_apart"] == 1
    assert len(whole.remarks()) == 5


def test_another_config_reads_what_was_learned_anew() -> None:
    source = Input(topic="m", signal="metric")
    config, records = Config(inputs=[source]), everything()
    task = DetectTask(config, source, "m", 0, 1)
    task.process(records[:2200])
    gauges = Config.model_validate({"inputs": [source], "detectors": [{"match": {"name": "orders"}, "kind": "gauge"}]})
    other = DetectTask(gauges, source, "m", 0, 1)
    assert other.restore(task.snapshot()) == {"series": 1}
    other.process(records[2200:])
    task.process(records[2200:])
    assert task.counts()["counter_resets"] == other.counts()["counter_resets"] + 1
