"""A run's config changes: what is said, and what the run is handed."""

import logging
from contextlib import aclosing

import pytest
import structlog
from structlog.testing import capture_logs

from floodmark.cli.reloading import reloads
from floodmark.cli.run import Loading, routes
from floodmark.config.loader import ConfigError, load, load_with_warnings
from floodmark.events import decode
from floodmark.records import Record
from floodmark.runtime.workers import for_worker

GOOD = """\
kafka: {group: watch}
inputs: [{topic: m, signal: metric}]
detectors: [{name: cpu, false_alarms: 1/week}]
"""


@pytest.fixture
def reload(tmp_path):
    """`reload(text, …)`: a config that began as GOOD changes; the first work, what came of each, what was said."""
    path = tmp_path / "floodmark.yaml"

    def configs(texts):
        async def changes():
            for text in texts:
                path.write_text(text)
                yield "its content changed"

        return changes()

    async def reload(*texts):
        path.write_text(GOOD)
        running = load(path)
        first = routes(running)
        made = [running]

        def make(config):
            made.append(config)
            return routes(config)

        with capture_logs() as said:
            stream = reloads(configs(texts), lambda: load_with_warnings(path), running, first, make)
            async with aclosing(stream) as found:
                outcomes = [outcome async for outcome in found]
        reload.running = made[-1]
        return first, outcomes, [(line["log_level"], line["event"]) for line in said]

    return reload


async def test_a_wrong_config_is_refused_with_every_problem_and_its_place(reload, tmp_path):
    wrong = GOOD.replace("metric", "metrix") + "correlate: {hops: 12}\n"
    _, (outcome,), said = await reload(wrong)
    assert outcome.routes is None
    path = tmp_path / "floodmark.yaml"
    assert [level for level, _ in said] == ["error"] * 3
    assert said[0][1].startswith(f"{path}:2:29: inputs[0].signal: 'metrix'")
    assert said[1][1].startswith(f"{path}:4:19: correlate.hops:")
    assert said[2][1] == "the new config is refused: 2 problems; the one before it stays in use"


async def test_a_good_one_after_a_wrong_one_is_compared_with_what_runs(reload):
    first, outcomes, said = await reload("inputs: [", GOOD.replace("1/week", "1/day"))
    assert outcomes[0].routes is None
    assert outcomes[1].routes is not first
    assert ("info", "detectors[cpu].false_alarms: 1/week → 1/day") in said


async def test_no_difference_is_a_success_with_the_same_work(reload):
    first, (outcome,), said = await reload(GOOD + "# a remark\n")
    assert outcome.routes is first
    assert said == [("info", "config read again: nothing changed")]


async def test_what_needs_a_restart_is_said_and_left_as_it_runs(reload):
    first, (outcome, again), said = await reload(*[GOOD.replace("watch", "other")] * 2)
    assert outcome.routes is first
    assert again.routes is first
    assert said[0] == ("info", "kafka.group: watch → other (at the next restart)")
    assert said[2] == said[0]


async def test_new_where_it_can_be_and_old_where_it_needs_a_restart(reload):
    new = GOOD.replace("watch", "other").replace("[{topic: m, signal: metric}]", "[{topic: l, signal: log}]")
    first, (outcome,), _ = await reload(new)
    assert first[0].topics == ("m",)
    assert outcome.routes[0].topics == ("l",)
    assert reload.running.kafka.group == "watch"


async def test_a_config_without_inputs_is_refused(reload):
    _, (outcome,), said = await reload("kafka: {group: watch}\n")
    assert outcome.routes is None
    assert said[-1][0] == "error"


async def test_a_warning_is_said(reload):
    _, (outcome,), said = await reload(GOOD + "services: {a: {depends_on: [b]}}\n")
    assert outcome.routes is not None
    assert said[0][0] == "warning"


async def test_the_level_of_the_log_applies_and_is_no_new_work(reload):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        first, (outcome,), _ = await reload(GOOD + "logging: {level: debug}\n")
        assert root.level == logging.DEBUG
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    assert outcome.routes is first


def test_each_load_is_said_once_and_so_is_what_was_refused(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text(GOOD)
    told = []
    loading = Loading(
        path, 1, for_worker(load(path), 1), lambda output: told.append(decode(Record("r", 0, 0, 0, *output[1:4])))
    )
    loading()
    assert len(told) == 1
    path.write_text(GOOD.replace("1/week", "2/week"))
    loading()
    path.write_text("inputs: 3\n")
    with pytest.raises(ConfigError):
        loading()
    path.write_text("inputs: []\n")
    loading()
    first, second, wrong, lacking = told
    assert first.process.endswith("/1")
    assert (first.previous, second.previous) == ("", first.hash)
    assert wrong.hash == lacking.hash == second.hash
    assert wrong.problems[0].startswith(f"{path}:1:9: inputs")
    assert "names no inputs" in lacking.problems[0]
