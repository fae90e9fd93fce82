"""Snapshot, restore, continue: at every offset the same bytes as without a restart; and what a changed config costs."""

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import (
    Config,
    Correlate,
    Detect,
    Detector,
    Guard,
    Input,
    Limits,
    Logs,
    ModelMonitor,
    Service,
)
from floodmark.flow.local import LocalFlow
from floodmark.flow.tasks import CorrelateTask, DetectTask, RouteTask
from floodmark.records import Output, Record, Task
from floodmark.state import StateError

START = 1_700_006_400
TOPICS = {"metric": "metrics", "log": "logs"}


def config(**changes: object) -> Config:
    return Config.model_validate(
        {
            "inputs": [
                Input(topic="metrics", signal="metric"),
                Input(topic="logs", signal="log"),
                Input(topic="predictions", signal="prediction"),
                Input(topic="outcomes", signal="outcome"),
            ],
            "detect": Detect(lateness=5, tick=10, evidence=5),
            "logs": Logs(window=10, learning=100),
            "models": [ModelMonitor(window=20, every=10, reference=50)],
            "services": {"web": Service(depends_on=["db"])},
            "detectors": [Detector(refractory=20)],
            **changes,
        }
    )


def detecting(conf: Config, signal: str) -> DetectTask:
    source = next((each for each in conf.inputs if each.signal == signal and signal in TOPICS), None)
    topic = conf.topics.model_events if source is None else source.topic
    return DetectTask(conf, source, topic, 0, 1)


def records(topic: str, events: Iterable[dict[str, object]]) -> list[Record]:
    return [Record(topic, 0, i, -1, None, json.dumps(event).encode()) for i, event in enumerate(events)]


def metrics(n: int, hosts: Sequence[str] = ("a", "b"), *, bad: range = range(0)) -> list[Record]:
    """A gauge and a counter of some hosts, ten seconds apart; while it is bad the first host's gauge is far out."""
    draw = random.Random(1)
    events: list[dict[str, object]] = []
    for i in range(n):
        time = START + 10 * i
        for host in hosts:
            value = draw.gauss(50, 1) + (200 if i in bad and host == hosts[0] else 0)
            events.append({"timestamp": time, "name": "load", "value": value, "labels": {"service": host}})
        served = {"timestamp": time, "name": "served", "kind": "counter", "value": 3 * i + i % 2}
        events.append({**served, "labels": {"service": hosts[0]}})
    return records("metrics", events)


def logs(n: int, *, bad: range = range(0)) -> list[Record]:
    """Two services that say three sentences each ten seconds; while it is bad one says others."""
    draw = random.Random(2)
    events: list[dict[str, object]] = []
    for i in range(n):
        for service in ("web", "db"):
            said = [f"user {draw.choice('abcdefgh')}{draw.randrange(9)} came", "done", f"took {draw.randrange(99)} ms"]
            if i in bad and service == "db":
                said += [f"disk {k} is broken" for k in range(12)]
            for k, body in enumerate(said):
                event = {"timestamp": START + 10 * i + k / 2, "severity": "ERROR" if k > 2 else "INFO", "body": body}
                events.append({**event, "labels": {"service": service}})
    return records("logs", events)


def scoring(n: int, *, bad: range = range(0)) -> list[Record]:
    """The model events of a classifier whose labels come ten predictions later; it errs and its input drifts."""
    draw = random.Random(3)
    conf = config()
    flow = LocalFlow(conf)
    told: list[Record] = []
    truths: list[bool] = []
    for i in range(n):
        time = START + 2 * i
        truth = draw.random() < 0.4
        truths.append(truth)
        wrong = draw.random() < (0.6 if i in bad else 0.1)
        features = {"x": draw.gauss(5 if i in bad else 0, 1), "k": draw.choice("aab"), "gap": None if i % 7 else 1.0}
        event = {"timestamp": time, "model": "fraud", "version": "1", "prediction_id": f"p{i}"}
        score = draw.random()
        told += records("predictions", [{**event, "features": features, "prediction": truth != wrong,
                                         "scores": {"1": score, "0": 1 - score}}])  # fmt: skip
        if i >= 10:
            outcome = {"timestamp": time, "model": "fraud", "prediction_id": f"p{i - 10}", "label": truths[i - 10]}
            told += records("outcomes", [outcome])
    out = [output for output in flow.process(told) if output.stream == "model_events"]
    return [Record(conf.topics.model_events, 0, i, -1, o.key, o.value, o.headers) for i, o in enumerate(out)]


def anomalies(conf: Config) -> list[Record]:
    """What the detect tasks say about metrics and logs that fail together, in order of time."""
    both = [(r.offset / 5, r) for r in metrics(90, bad=range(60, 70))]
    both += [(r.offset / 10.7, r) for r in logs(90, bad=range(60, 75))]
    flow = LocalFlow(conf.model_copy(update={"inputs": conf.inputs[:2]}))
    out = [output for _, record in sorted(both, key=lambda pair: pair[0]) for output in flow.process([record])]
    out += flow.finish()
    told = [output for output in out if output.stream == "anomalies"]
    return [Record("floodmark.anomalies", 0, i, -1, o.key, o.value, o.headers) for i, o in enumerate(told)]


HALF_SPACE = Detector(
    refractory=20, model="river.anomaly.HalfSpaceTrees", parameters={"n_trees": 3, "height": 4, "window_size": 20}
)
CASES = {
    "metrics": ("metric", metrics(50, bad=range(25, 30)), config()),
    "logs": ("log", logs(45, bad=range(20, 26)), config()),
    "models": ("prediction", scoring(150, bad=range(60, 120)), config()),
    "river": ("metric", metrics(55, bad=range(35, 40)), config(detectors=[HALF_SPACE])),
}


def told(task: Task, taken: Sequence[Record]) -> list[Output]:
    return [output for record in taken for output in task.process([record])]


def ended(task: Task) -> list[Output]:
    return task.finish() if isinstance(task, DetectTask | CorrelateTask) else []


def restarted(task: Task, fresh: Task) -> Task:
    assert fresh.restore(task.snapshot()) == {}
    return fresh


@pytest.mark.parametrize("case", CASES)
def test_a_restart_at_every_offset_changes_no_byte(case: str) -> None:
    signal, stream, conf = CASES[case]
    steady, moved = detecting(conf, signal), detecting(conf, signal)
    heard = 0
    for record in stream:
        expected = steady.process([record])
        moved = restarted(moved, detecting(conf, signal))
        assert moved.process([record]) == expected
        heard += len(expected)
    assert ended(moved) == ended(steady)
    assert heard > 30


@pytest.mark.parametrize("case", CASES)
def test_the_cases_find_something(case: str) -> None:
    signal, stream, conf = CASES[case]
    task = detecting(conf, signal)
    out = told(task, stream) + ended(task)
    assert any(output.value is not None and b'"opened"' in output.value for output in out)
    assert any(output.value is not None and b'"closed"' in output.value for output in out)


@pytest.mark.parametrize("case", ["models", "river"])
def test_another_process_goes_on(case: str, tmp_path: Path) -> None:
    """It has none of River's modules loaded that only a live model loads."""
    signal, stream, conf = CASES[case]
    task = detecting(conf, signal)
    told(task, stream[:150])
    (tmp_path / "state").write_bytes(task.snapshot())
    (tmp_path / "config").write_text(conf.model_dump_json(exclude={"kafka", "state", "http"}))
    topic = "metrics" if signal == "metric" else conf.topics.model_events
    program = f"""
import hashlib, pathlib
from floodmark.config.models import Config
from floodmark.flow.tasks import DetectTask
conf = Config.model_validate_json(pathlib.Path("config").read_text())
source = conf.inputs[0] if {signal!r} == "metric" else None
task = DetectTask(conf, source, {topic!r}, 0, 1)
assert task.restore(pathlib.Path("state").read_bytes()) == {{}}
print(hashlib.sha256(task.snapshot()).hexdigest())
"""
    there = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert there.stdout.strip() == hashlib.sha256(task.snapshot()).hexdigest()


@settings(max_examples=15)
@given(data=st.data())
def test_restarts_and_batches_anywhere_change_no_byte(data: st.DataObject) -> None:
    signal, stream, conf = CASES[data.draw(st.sampled_from(sorted(CASES)))]
    expected = told(detecting(conf, signal), stream)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)))
    task, out = detecting(conf, signal), []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        out += task.process(stream[start:stop])
        state = task.snapshot()
        task = restarted(task, detecting(conf, signal))  # type: ignore[assignment]
        assert task.snapshot() == state
    assert out == expected


def test_a_correlate_task_goes_on_at_every_offset() -> None:
    conf = config(correlate=Correlate(gap=60, false_incidents=1 / 60, grace=100))
    stream = anomalies(conf)
    steady, moved = CorrelateTask(conf, "floodmark.anomalies", 0), CorrelateTask(conf, "floodmark.anomalies", 0)
    heard = []
    for record in stream:
        expected = steady.process([record])
        moved = restarted(moved, CorrelateTask(conf, "floodmark.anomalies", 0))  # type: ignore[assignment]
        assert moved.process([record]) == expected
        heard += expected
    assert moved.finish() == steady.finish()
    assert len(heard) >= 3


def test_a_route_task_knows_how_far_it_is() -> None:
    conf = config()
    source = next(each for each in conf.inputs if each.signal == "prediction")
    task, moved = (RouteTask(conf, source, 0, {"predictions": 1}) for _ in range(2))
    assert RouteTask(conf, source, 0).restore(task.snapshot()) == {}
    event = {"model": "fraud", "version": "1", "prediction_id": "p", "features": {}, "prediction": 1}
    for at in range(40):
        (record,) = records("predictions", [{**event, "timestamp": START + 7 * at}])
        expected = task.process([record])
        assert moved.process([record]) == expected
        moved = restarted(moved, RouteTask(conf, source, 0, {"predictions": 1}))  # type: ignore[assignment]
    assert moved.speak(idle=True) == task.speak(idle=True)
    with pytest.raises(StateError, match="route task"):
        RouteTask(conf, source, 0).restore(b"no")


@pytest.mark.parametrize("case", CASES)
def test_damaged_bytes_are_refused(case: str) -> None:
    signal, stream, conf = CASES[case]
    task = detecting(conf, signal)
    told(task, stream[:100])
    state = task.snapshot()
    for data in (b"", b"\xc0", state[:-1], state[: len(state) // 2], b"x" + state):
        with pytest.raises(StateError):
            detecting(conf, signal).restore(data)
    with pytest.raises(StateError):
        CorrelateTask(conf, "floodmark.anomalies", 0).restore(state)


# -- another config


def learned(case: str, upto: int | None = None, **changes: object) -> tuple[bytes, str, list[Record], Config]:
    signal, stream, _ = CASES[case]
    conf = config(**changes)
    task = detecting(conf, signal)
    told(task, stream[:upto])
    return task.snapshot(), signal, stream, conf


def test_what_does_not_shape_a_model_may_change() -> None:
    state, signal, stream, _ = learned("metrics", 60)
    changed = Detector(
        name="other",
        match={"name": "load"},
        false_alarms=1e-9,
        direction="down",
        warmup=5,
        refractory=20,
        adopt=600,
        min_deviation=Guard(relative=0.5),
    )
    task = detecting(config(detectors=[changed], detect=Detect(lateness=5, tick=10, evidence=8)), signal)
    assert task.restore(state) == {}
    assert task.sizes()["series"] == 3
    events = [json.loads(output.value or b"{}") for output in told(task, stream[60:88])]
    assert not [e for e in events if e.get("event") == "opened"]  # up is no alarm any more


def test_a_series_whose_heads_changed_is_left_out_and_closed() -> None:
    state, signal, stream, _ = learned("metrics", 82)  # the gauge of host a is out of band by now
    changed = [Detector(match={"name": "load"}, heads=["forecast"])]
    task = detecting(config(detectors=changed), signal)
    assert task.restore(state) == {"series": 2}
    assert task.sizes()["series"] == 1
    assert task.sizes()["metric_series"] == 3
    events = [json.loads(o.value or b"{}") for o in told(task, stream[82:100])]
    closed = [event for event in events if event.get("event") == "closed"]
    assert [event["labels"] for event in closed] == [{"service": "a"}]


def test_a_series_that_is_not_watched_any_more_is_closed() -> None:
    state, signal, stream, _ = learned("metrics", 82)
    task = detecting(config(detectors=[Detector(match={"name": "load"}, enabled=False)]), signal)
    assert task.restore(state) == {}
    assert task.sizes()["series"] == 1
    again = detecting(config(detectors=[Detector(match={"name": "load"}, enabled=False)]), signal)
    again.restore(task.snapshot())  # that the alarm is to be closed is state as well
    assert sum(b'"closed"' in (o.value or b"") for o in told(again, stream[82:100])) == 1


def test_another_window_of_logs_leaves_the_logs_out() -> None:
    state, signal, _, _ = learned("logs")
    task = detecting(config(logs=Logs(window=20, learning=100)), signal)
    left_out = task.restore(state)
    assert left_out["log_sources"] == 2
    assert left_out["series"] > 5
    assert task.sizes()["log_templates"] == task.sizes()["series"] == 0


def test_smaller_limits_evict_at_once_and_count() -> None:
    state, signal, _, _ = learned("metrics")
    task = detecting(config(limits=Limits(series=1)), signal)
    assert task.restore(state) == {}
    assert (task.sizes()["series"], task.sizes()["metric_series"]) == (1, 1)
    assert task.counts()["evicted:series"] == 4
    state, signal, _, _ = learned("logs")
    task = detecting(config(limits=Limits(sources=1, templates=2)), signal)
    assert task.restore(state) == {}
    assert (task.sizes()["log_sources"], task.sizes()["log_templates"]) == (1, 2)


def test_another_monitor_leaves_its_models_out() -> None:
    state, signal, _, _ = learned("models")
    task = detecting(config(models=[ModelMonitor(window=30, every=10, reference=50)]), signal)
    left_out = task.restore(state)
    assert left_out["models"] == 1
    assert left_out["series"] > 1
    task = detecting(config(models=[ModelMonitor(window=20, every=10, reference=50, join=60, features=1)]), signal)
    assert task.restore(state) == {}
    assert task.sizes()["models"] == 1


def test_another_scope_leaves_all_out_that_bears_it() -> None:
    state, signal, _, _ = learned("metrics")
    task = detecting(config(detect=Detect(lateness=5, tick=10, evidence=5, scope=["service"])), signal)
    assert task.restore(state) == {"series": 3}
    assert task.sizes()["series"] == task.sizes()["metric_series"] == 0


def test_parameters_of_a_river_model() -> None:
    state, signal, _, _ = learned("river", detectors=[HALF_SPACE])
    same = HALF_SPACE.model_copy(update={"warmup": 9, "name": "other"})
    assert detecting(config(detectors=[same]), signal).restore(state) == {}
    other = HALF_SPACE.model_copy(update={"parameters": {"n_trees": 4}})
    assert detecting(config(detectors=[other]), signal).restore(state) == {"series": 3}
    assert detecting(config(), signal).restore(state) == {"series": 3}


@pytest.mark.parametrize(
    ("model", "parameters", "scale"),
    [
        ("river.anomaly.HalfSpaceTrees", {}, True),
        ("river.anomaly.LocalOutlierFactor", {}, True),
        ("river.anomaly.GaussianScorer", {}, False),
        ("river.anomaly.StandardAbsoluteDeviation", {}, False),
        ("river.anomaly.PredictiveAnomalyDetection", {}, False),
        ("river.anomaly.LODA", {}, True),
        ("river.anomaly.OneClassSVM", {"optimizer": {"river.optim.Adam": {"lr": 0.01}}}, True),
    ],
)
def test_any_river_model_goes_on(model: str, parameters: dict[str, object], scale: bool) -> None:
    stream = metrics(40, ("a",), bad=range(30, 33))
    conf = config(detectors=[Detector(model=model, parameters=parameters, scale=scale)])
    steady = detecting(conf, "metric")
    told(steady, stream[:50])
    moved = restarted(steady, detecting(conf, "metric"))
    assert told(moved, stream[50:]) == told(steady, stream[50:])
    assert moved.snapshot() == steady.snapshot()


def test_a_model_that_cannot_be_written_costs_only_itself() -> None:
    stream = metrics(30)
    detectors = [HALF_SPACE.model_copy(update={"match": {"name": "load"}})]
    task = detecting(config(detectors=detectors), "metric")
    told(task, stream)
    for watched in task._stage._core._watchlist.series.values():
        for model in watched.out.rivers if watched.out else []:
            model["HalfSpaceTrees"].hook = lambda: None
    fresh = detecting(config(detectors=detectors), "metric")
    assert fresh.restore(task.snapshot()) == {"series": 2}
    assert fresh.sizes()["series"] == 1
    fresh.graft(task)
    assert fresh.sizes()["series"] == 3


def test_a_graft_brings_what_was_left_out_and_nothing_else() -> None:
    state, signal, stream, _ = learned("metrics", 120)
    conf = config(detectors=[Detector(match={"name": "load"}, heads=["forecast", "stale"])])
    task, warmed = detecting(conf, signal), detecting(conf, signal)
    assert task.restore(state) == {"series": 2}
    served = task._stage._core._watchlist.series['served{service="a"}']
    told(warmed, stream[:120])
    task.graft(warmed)
    assert task.sizes()["series"] == 3
    assert task._stage._core._watchlist.series['served{service="a"}'] is served
    assert task.sizes()["open_alarms"] == 0  # what was found in silence was told to nobody
    again = restarted(task, detecting(conf, signal))
    assert told(again, stream[120:]) == told(task, stream[120:])


def test_a_graft_of_logs_and_of_models() -> None:
    state, signal, stream, _ = learned("logs")
    conf = config(logs=Logs(window=20, learning=100))
    task, warmed = detecting(conf, signal), detecting(conf, signal)
    task.restore(state)
    told(warmed, stream)
    task.graft(warmed)
    assert task.templates() == warmed.templates() != []
    state, signal, stream, _ = learned("models")
    conf = config(models=[ModelMonitor(window=30, every=10, reference=50)])
    task, warmed = detecting(conf, signal), detecting(conf, signal)
    task.restore(state)
    told(warmed, stream)
    task.graft(warmed)
    assert task.sizes() == warmed.sizes() | {"open_alarms": 0}


def until_resolved(task: Task, taken: Sequence[Record]) -> int:
    """How many records it takes until an incident is resolved."""
    per_record = [any(b'"event":"resolved"' in (o.value or b"") for o in task.process([record])) for record in taken]
    return per_record.index(True) if True in per_record else len(taken)


def test_open_incidents_live_on_under_other_settings() -> None:
    conf = config(correlate=Correlate(gap=60, false_incidents=1 / 60))
    stream = anomalies(conf)
    task = CorrelateTask(conf, "floodmark.anomalies", 0)
    taken = 0
    while not task.sizes()["open_incidents"]:
        task.process([stream[taken]])
        taken += 1
    state = task.snapshot()
    slower = CorrelateTask(config(correlate=Correlate(gap=600, false_incidents=1 / 60)), "floodmark.anomalies", 0)
    assert slower.restore(state) == {}
    assert slower.sizes()["open_incidents"] == task.sizes()["open_incidents"]
    brief = CorrelateTask(
        config(correlate=Correlate(gap=10, false_incidents=1 / 60, lifetime=30)), "floodmark.anomalies", 0
    )
    brief.restore(state)
    rest = stream[taken:]
    assert until_resolved(brief, rest) < until_resolved(task, rest) < until_resolved(slower, rest)
