"""What a sample of an input says of it: what is read and refused, keys, clocks."""

import json

import pytest

from floodmark.config.models import Config
from floodmark.diagnose.contents import contents
from floodmark.diagnose.inputs import inputs
from floodmark.diagnose.sampling import Sample
from floodmark.records import Record

NOW = 1_790_000_000


def metric(host="a", time=NOW, value=1.0):
    return json.dumps({"timestamp": time, "name": "cpu", "value": value, "labels": {"host": host}}).encode()


def records(*values, keys=b"k", partitions=1, arrived=NOW):
    return [
        Record("m", index % partitions, index, int(arrived * 1000) + index, keys, value)
        for index, value in enumerate(values)
    ]


def look(found, partitions=1, **source):
    config = Config.model_validate({"inputs": [{"topic": "m", "signal": "metric", **source}]})
    sample = Sample(found, len(found))
    return list(inputs(config, {"m": sample}, {"m": partitions}, NOW + 1.0))


def marks(findings):
    return [(f.part, f.mark) for f in findings]


def test_what_is_empty_says_what_that_means_and_whence_it_should_come():
    source = {"kind": "generic", "topic": "deploys", "secret": "x"}
    config = Config.model_validate(
        {
            "inputs": [{"topic": "m", "signal": "metric"}, {"topic": "deploys", "signal": "change"}],
            "gateway": {"sources": {"ci": source}},
        }
    )
    metrics, changes = inputs(config, {"m": Sample([], 0), "deploys": Sample([], 0)}, {}, NOW + 1.0)
    assert (metrics.mark, metrics.words) == ("warning", "is empty: nothing can be told until something comes")
    assert (changes.mark, changes.words) == ("ok", "is empty: no change has come yet")
    assert changes.more == ("does it come by floodmark gateway, from who posts to /ci?",)


def test_what_is_read_is_counted_with_an_example():
    read, clocks = look(records(*(metric(host) for host in "abcde")))
    assert (read.mark, clocks.mark) == ("ok", "ok")
    assert read.words.startswith("of the newest 5 records: 5 metrics; 5 series of a, b, c and 2 more; from 2026-09-2")
    assert read.more == ('for example cpu{host="a"} = 1',)


def test_auto_says_which_formats_it_tells():
    read = look(records(metric(), b"cpu,host=a usage=1 1790000000000000000"), format="auto")[0]
    assert "auto tells native (1), telegraf_influx (1)" in read.words


def test_what_is_refused_is_said_by_reason_with_one_example_without_its_secrets():
    bad = [b'{"password": "hunter2", "nam', b'{"password": "hunter2", "nam', b'{"name": "x"}']
    found = look(records(*([metric()] * 7), *bad))
    (refused,) = (f for f in found if "would be refused" in f.words)
    assert refused.mark == "warning"
    assert refused.words == "3 events (30%) would be refused"
    assert refused.more[0].startswith("2 not_json: ")
    assert "hunter2" not in str(refused.more)
    assert '{"password": <secret>' in refused.more[0]
    assert refused.more[1].startswith("1 missing_field: ")


def test_a_wrong_format_is_a_problem_and_the_right_one_is_said():
    found = look(records(*([b"cpu,host=a usage=1 1790000000000000000"] * 5)))
    assert marks(found) == [("inputs", "problem")]
    assert found[0].todo == "write signal: metric, format: telegraf_influx: so 100% would be read"


def test_records_without_a_key():
    values = [metric(host) for host in "ababab"]
    (problem,) = (f for f in look(records(*values, keys=None, partitions=3), 3) if f.mark == "problem")
    assert problem.words.startswith(
        '2 of 2 series come on several partitions: 100% of the records have no key; cpu{host="a"} on 0'
    )
    assert "set rekey: true" in problem.todo
    (warning,) = (f for f in look(records(metric(), keys=None), 3) if f.mark == "warning")
    assert "100% of the records have no key" in warning.words
    for harmless in (
        look(records(*values, keys=None), 1),
        look(records(*values, keys=None, partitions=3), 3, rekey=True),
    ):
        assert not [f for f in harmless if f.mark != "ok"]


def test_a_key_that_is_not_of_the_series():
    values = [metric(host) for host in "ababab"]
    (problem,) = (f for f in look(records(*values, partitions=3), 3) if f.mark == "problem")
    assert "come on several partitions, whatever their key" in problem.words


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (40, "h is 40 s ahead or more"),
        (600, "h is 10 min ahead or more"),
        (3600, "h is 60 min ahead: local time written as if it were UTC?"),
        (-7200 + 20, "h is 120 min behind: local time written as if it were UTC?"),
        (-400, "h is 6.7 min behind, or sends so late"),
        (3, None),
        (-60, None),
    ],
)
def test_a_clock_is_held_against_kafkas(ahead, words):
    found = look(records(*(metric("h", NOW + ahead - late) for late in (0, 5, 20))))
    (clock,) = (f for f in found if f.part == "clocks")
    assert (clock.mark, clock.more) == (("warning", (words,)) if words else ("ok", ()))


def test_what_is_said_of_the_past_may_come_late():
    event = json.dumps({"timestamp": NOW - 3000, "service": "a", "kind": "deploy", "summary": "x"}).encode()
    assert [f.mark for f in look(records(event), signal="change")] == ["ok", "ok"]


def test_of_many_wrong_clocks_the_worst_five_are_told():
    found = look(records(*(metric(f"h{n}", NOW + 100 * n) for n in range(1, 10))))
    (clock,) = (f for f in found if f.part == "clocks")
    assert clock.words == "the time of 9 sources of 9 does not fit Kafka's, and 4 more"
    assert [line.split()[0] for line in clock.more] == ["h9", "h8", "h7", "h6", "h5"]


def test_kafkas_own_time():
    wild = look(records(metric(), arrived=NOW * 1000))
    assert any("is no time between 1973 and 2100" in f.words for f in wild)
    ahead = look(records(metric(), arrived=NOW + 500))
    assert any("ahead of this machine's clock" in f.words for f in ahead)
    old = look(records(metric(time=NOW - 9000), arrived=NOW - 9000))
    assert any(f.words == "the newest record came 2.5 h ago" for f in old)


def test_what_could_not_be_sampled():
    config = Config.model_validate({"inputs": [{"topic": "m", "signal": "metric"}, {"topic": "e", "signal": "log"}]})
    found = list(inputs(config, {"m": Sample([], reason="no answer in 3 s"), "e": Sample([])}, {}, NOW))
    assert [(f.mark, f.where) for f in found] == [("unknown", "m"), ("warning", "e")]
    assert "no answer in 3 s" in found[0].words


def test_lines_without_a_source_and_records_without_a_value():
    line = json.dumps({"timestamp": NOW, "severity": "INFO", "body": "started", "labels": {}}).encode()
    found = look(records(line, None), signal="log")
    assert any("are all one source" in f.words for f in found)
    assert any("1 record without a value" in f.words for f in found)


def test_an_example_is_safe_to_show():
    config = Config.model_validate({"inputs": [{"topic": "m", "signal": "log"}]})
    body = "\x1b[31mtoken=abc123def456 " + "x" * 500
    line = json.dumps({"timestamp": NOW, "severity": "INFO", "body": body, "labels": {"service": "s"}}).encode()
    said = contents(config, config.inputs[0], records(line)).example
    assert "abc123" not in said
    assert "\x1b" not in said
    assert len(said) <= 160
