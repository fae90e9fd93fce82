"""`floodmark test` as a command: files, problems, exit codes, JUnit."""

from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from floodmark.cli import app

CONFIG = "kafka: {brokers: [localhost:9092]}\ninputs: [{topic: app, signal: metric, format: telegraf_influx}]\n"
QUIET = """\
tests:
  - name: all is quiet
    for: 30m
    input: [{series: {name: m, level: 1}}]
    expect: {incidents: []}
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "floodmark.yaml").write_text(CONFIG)

    def run(text=QUIET, *more, name="floodmark.test.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        return CliRunner().invoke(app, ["test", "--config", str(tmp_path / "floodmark.yaml"), *more])

    return run


def test_tests_beside_the_config_are_found(run, tmp_path):
    assert "1 of 1 test passed" in run().output
    assert "2 of 2 tests passed" in run(name="tests/more.test.yaml").output
    assert "1 of 1 test passed" in run(QUIET, str(tmp_path / "tests")).output


def test_no_tests_are_no_success(tmp_path):
    done = CliRunner().invoke(app, ["test", "--config", str(tmp_path / "floodmark.yaml")])
    assert done.exit_code == 2
    assert "There are no tests" in done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (QUIET.replace("level: 1", "levle: 1"), ":4:32: tests[0].input[0].series: unknown key 'levle'"),
        (QUIET.replace("name: m,", "name: 'm{',"), ":4:29: tests[0].input[0].series.name: 'm{' is no series"),
        (QUIET.replace("level: 1", "values: 1+1"), "'1+1' does not say how often"),
        (QUIET.replace("level: 1", "values: 1x3, level: 1"), "both `values` and `level`"),
        (QUIET.replace(", level: 1", ""), "neither `values` nor `level`"),
        (QUIET.replace("{series:", "{logs: {body: a}, series:"), "it is series and logs"),
        (QUIET.replace("[{series: {name: m, level: 1}}]", "[{}]"), "it is none"),
        (QUIET.replace("for: 30m", "for: soon"), "expected a duration"),
        (QUIET.replace("incidents: []", "none: [{from: yesterday}]"), "expected a time since the start such as 90m"),
        (QUIET.replace("incidents: []", "none: [{from: 2h, to: 1h}]"), "it is not after `from`"),
        (QUIET.replace("level: 1", "level: 1, steps: [{at: 1m}]"), "a step says nothing that changes"),
        (QUIET + QUIET.removeprefix("tests:\n"), "another test has this name (line 2)"),
        ("tests: []", "a non-empty list"),
        ("", "'tests' is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_place(run, text, said):
    done = run(text)
    assert done.exit_code == 1
    assert said in done.output
    assert "no test was run" in done.output


def test_what_fails_says_what_came(run, tmp_path):
    text = QUIET.replace("level: 1", "level: 1, kind: counter") + QUIET.replace("tests:\n", "").replace(
        "all is quiet", "is it?"
    ).replace("incidents: []", "incidents: [{count: 1, title: checkout}]")
    done = run(text, "--junit", str(tmp_path / "out" / "x.xml"))
    assert done.exit_code == 1
    assert "floodmark.test.yaml:9:26: expected 1 incident with title: checkout" in done.output
    assert "there was no incident at all" in done.output
    root = ElementTree.parse(tmp_path / "out" / "x.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "0")
    assert [case.get("name") for case in root.iter("testcase")] == ["all is quiet", "is it?"]


def test_some_can_be_chosen(run):
    assert "1 of 1 test passed" in run(QUIET, "--only", "all*").output
    assert run(QUIET, "--only", "none").exit_code == 2


def test_recorded_input_is_read_as_a_replay_reads_it(run, tmp_path):
    lines = [f"cpu,host=a usage={50 if n < 260 else 900}.{n % 7} {1_700_006_400 + n * 60}000000000" for n in range(300)]
    (tmp_path / "cpu.txt").write_text("\n".join([*lines, "not a line"]))
    text = """\
tests:
  - name: recorded
    input: [{file: {path: cpu.txt, input: app}}]
    expect:
      incidents: [{count: 1, from: 4h19m, to: 4h25m, title: a}]
      refused: 1
"""
    done = run(text)
    assert done.exit_code == 0, done.output
    assert "1 message of the input could not be used" in run(text.replace("refused: 1", "refused: 0")).output
    assert "there is no such file" in run(text.replace("cpu.txt", "gpu.txt")).output


def test_the_config_of_a_test_goes_before_that_of_the_command(run, tmp_path):
    (tmp_path / "other.yaml").write_text(CONFIG + "detectors: [{name: none, enabled: false}]\n")
    text = """\
tests:
  - name: judged
    input: [{series: {name: m, values: 1x300 90x30, noise: 0.1}}]
    expect: {anomalies: [{series: m}]}
  - name: not judged
    config: other.yaml
    input: [{series: {name: m, values: 1x300 90x30, noise: 0.1}}]
    expect: {anomalies: [{count: 0}]}
"""
    done = run(text)
    assert done.exit_code == 0, done.output
    broken = run(text.replace("other.yaml", "none.yaml"))
    assert broken.exit_code == 1
    assert "the config cannot be used" in broken.output
