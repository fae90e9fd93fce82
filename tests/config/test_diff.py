import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.diff import Change, diff, effective
from floodmark.config.models import Config


def config(**sections):
    return Config.model_validate(sections)


def lines(old, new):
    return [str(change) for change in diff(config(**old), config(**new))]


def detectors(*elements):
    return {"detectors": [dict(element) for element in elements]}


CPU = {"name": "cpu", "match": {"name": "cpu_*"}}
WEB = {"name": "web", "match": {"service": ["web", "cart"]}}


def test_nothing_changed():
    assert lines(detectors(CPU), detectors(CPU)) == []


def test_quantities_are_shown_as_they_are_written():
    old = {**detectors(CPU), "limits": {"message": "1MB"}}
    new = {
        **detectors({**CPU, "false_alarms": "2/day", "refractory": "10m"}),
        "limits": {"message": "512KiB"},
        "correlate": {"gap": "1h30m"},
    }
    assert lines(old, new) == [
        "limits.message: 1MB → 512KiB",
        "detectors[cpu].false_alarms: 1/day → 2/day",
        "detectors[cpu].refractory: 5m → 10m",
        "correlate.gap: 3m → 90m",
    ]


def test_elements_of_lists_are_known_by_name_wherever_they_stand():
    assert lines(detectors(CPU, WEB), detectors(WEB)) == ["detectors[cpu]: removed {name: cpu, match: {name: cpu_*}}"]
    assert lines(detectors(WEB), detectors(CPU, WEB)) == ["detectors[cpu]: added {name: cpu, match: {name: cpu_*}}"]


def test_the_order_of_detectors_is_a_change_because_the_first_match_wins():
    assert lines(detectors(CPU, WEB), detectors(WEB, CPU)) == ["order of detectors: cpu, web → web, cpu"]


def test_detectors_that_share_a_name_are_told_apart():
    two = detectors({"warmup": 20}, {"warmup": 30})
    assert lines(two, detectors({"warmup": 20}, {"warmup": 40})) == ["detectors[default#2].warmup: 30 → 40"]


def test_inputs_models_and_services():
    old = {
        "inputs": [{"topic": "m", "signal": "metric"}],
        "models": [{"match": "fraud*", "window": 100}],
        "services": {"cart": {"depends_on": ["db"]}},
    }
    new = {
        "inputs": [{"topic": "m", "signal": "metric", "rekey": True}, {"topic": "l", "signal": "log"}],
        "models": [{"match": "fraud*", "window": 200}],
        "services": {"cart": {"depends_on": ["db", "cache"]}, "db": {}},
    }
    assert lines(old, new) == [
        "inputs[m].rekey: false → true",
        "inputs[l]: added {topic: l, signal: log}",
        "models[fraud*].window: 100 → 200",
        "services.cart.depends_on: [db] → [db, cache]",
        "services.db: added {}",
    ]


def test_parameters_of_a_model_one_by_one():
    forest = {"name": "forest", "model": "river.anomaly.HalfSpaceTrees"}
    old = detectors({**forest, "parameters": {"n_trees": 10, "height": 8}})
    new = detectors({**forest, "parameters": {"n_trees": 25, "seed": None}, "model": None})
    assert lines(old, new) == [
        "detectors[forest].model: river.anomaly.HalfSpaceTrees → null",
        "detectors[forest].parameters.n_trees: 10 → 25",
        "detectors[forest].parameters.height: removed 8",
        "detectors[forest].parameters.seed: added null",
    ]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ({"kafka": {"security": {"password": "hunter1"}}}, {"kafka": {"security": {"password": "hunter2"}}},
         "kafka.security.password"),
        ({"http": {"token": "hunter1"}}, {}, "http.token"),
        ({}, {"http": {"token": "hunter2"}}, "http.token"),
        ({"state": {"options": {"key": "hunter1"}}}, {"state": {"options": {"key": "hunter2"}}}, "state.options.key"),
        ({}, {"state": {"options": {"key": "hunter2"}}}, "state.options.key"),
    ],
)  # fmt: skip
def test_of_a_secret_only_that_it_changed(old, new, path):
    assert lines(old, new) == [f"{path}: (secret changed) (at the next restart)"]


def test_a_long_value_is_cut():
    (line,) = lines({}, {"services": {"web": {"depends_on": [f"service-{i}" for i in range(1000)]}}})
    assert len(line) < 250
    assert line.endswith("…")


WANTED = {
    "kafka": {"group": "g", "commit_interval": "1s"},
    "topics": {"alerts": "a"},
    "state": {"keep": 5},
    "http": {"port": 1},
    "correlate": {"idle": "20s", "gap": "1m"},
    "detect": {"lateness": "1m"},
    "logging": {"level": "debug"},
    "inputs": [{"topic": "m", "signal": "metric"}],
    **detectors(CPU),
}


def test_what_is_read_once_waits_for_a_restart():
    changes = diff(Config(), config(**WANTED))
    assert [change.path for change in changes if change.restart] == [
        "kafka.group", "kafka.commit_interval", "topics.alerts", "state.keep", "correlate.idle", "http.port",
    ]  # fmt: skip
    assert [change.path for change in changes if not change.restart] == [
        "inputs[m]", "detect.lateness", "detectors[cpu]", "correlate.gap", "logging.level",
    ]  # fmt: skip
    assert str(Change("kafka.group", "a", "b", restart=True)) == "kafka.group: a → b (at the next restart)"


def test_effective_takes_up_what_applies_and_nothing_else():
    running, wanted = Config(), config(**WANTED)
    changes = diff(running, wanted)
    applied = effective(running, wanted)
    assert diff(running, applied) == [change for change in changes if not change.restart]
    assert diff(applied, wanted) == [change for change in changes if change.restart]


names = st.sampled_from(["a", "b", "c"])
lists = st.lists(st.fixed_dictionaries({"name": names, "warmup": st.integers(5, 7)}), max_size=4)


@given(lists, lists)
def test_no_line_exactly_if_nothing_is_different(old, new):
    before, after = config(detectors=old), config(detectors=new)
    assert bool(diff(before, after)) == (before != after)
