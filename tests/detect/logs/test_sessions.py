import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Detect, Limits, Logs
from floodmark.detect import snapshots
from floodmark.detect.logs.sources import LogSources
from floodmark.signals import Log

BUYS = ["opened", "ordered 3 items", "paid 17.50 EUR", "closed"]
LOOKS = ["opened", "shows a list", "closed"]


def source(session="session", limits=None, learning=0):
    return LogSources(Logs(learning=learning, session=session, idle=60), Limits(**(limits or {})), Detect())


def lines(sessions, form="session={} {}", **more):
    """A session every ten seconds, its lines a second apart."""
    made = [(10.0 * i + j, f"{1000 + i}", said) for i, session in enumerate(sessions) for j, said in enumerate(session)]
    return [
        Log(time=time, body=form.format(name, said), labels={"service": "cart"}, **more) for time, name, said in made
    ]


def run(sources, logs, until=None):
    samples = []
    for log in logs:
        samples += sources.advance(log.time)
        sources.observe(log)
    samples += sources.advance(logs[-1].time // 60 * 60 + 180 if until is None else until)
    return [each for each in samples if each.series.name == "log_rare_sessions"]


def test_sessions_with_a_rare_set_are_counted_when_they_are_over():
    usual = [BUYS, LOOKS] * 120
    odd = ["opened", "paid 2.00 EUR", "closed"]
    samples = run(source(), lines([*usual, odd, *usual[:6]]))
    assert {each.value for each in samples} == {0, 1}
    (found,) = [each for each in samples if each.value]
    assert found.time == 2520  # the window in which it has been silent for a minute: it ended at 2402
    assert (found.series.kind, found.series.worse, found.series.entity) == ("count", "up", "cart")


def test_evidence_says_what_is_more_and_what_is_missing():
    odd = ["opened", "ordered 1 items", "closed", "card was refused"]
    samples = run(source(), lines([*[BUYS, BUYS, LOOKS] * 90, odd]))
    evidence = samples[-1].evidence() if samples[-1].value else samples[-2].evidence()
    assert evidence.facts == {
        "rare_sessions": 1,
        "session_1": "1270",
        "has_1": "session=<*> card was refused",
        "lacks_1": "session=<*> paid <*> EUR",
    }


def test_what_has_become_usual_is_not_rare():
    new = ["opened", "upgraded", "closed"]
    samples = run(source(), lines([*[BUYS, LOOKS] * 120, *[new] * 60]))
    assert 1 <= sum(each.value for each in samples) <= 5


def test_nothing_is_rare_at_first():
    assert not any(each.value for each in run(source(), lines([LOOKS] * 150 + [BUYS])))
    assert min(each.time for each in run(source(learning=600), lines([LOOKS] * 150))) == 660


@pytest.mark.parametrize(
    ("session", "form", "more"),
    [
        ("session", "session={} {}", {}),
        ("session", "{1} in session {0} now", {}),
        ("id", '{{"id": "{}", "message": "{}"}}', {}),
        ("id", '{{"ctx": {{"id": "{}"}}, "message": "{}"}}', {}),
        ("sid", 'level=info sid={} msg="{}"', {}),
    ],
)
def test_the_id_stands_in_the_line(session, form, more):
    odd = ["opened", "paid 2.00 EUR", "closed"]
    assert sum(each.value for each in run(source(session), lines([*[BUYS, LOOKS] * 120, odd], form))) == 1


@pytest.mark.parametrize("of", ["trace_id", "request"])
def test_the_id_is_the_trace_s_or_an_attribute_s(of):
    odd = ["opened", "paid 2.00 EUR", "closed"]
    logs = []
    for log in lines([*[BUYS, LOOKS] * 120, odd], "{} {}"):
        name, _, said = log.body.partition(" ")
        more = {"trace_id": name} if of == "trace_id" else {"attributes": {"request": int(name)}}
        logs.append(Log(time=log.time, body=said, labels=log.labels, **more))
    assert sum(each.value for each in run(source(of), logs)) == 1


def test_without_an_id_or_the_setting_there_is_nothing():
    logs = lines([BUYS] * 20)
    assert run(source(None), logs) == []
    sources = source("trace_id")
    assert {each.value for each in run(sources, logs)} == {0}
    assert sources.sizes()["log_sessions"] == 0


def test_open_sessions_are_bounded():
    sources = source(limits={"sessions": 3})
    run(sources, lines([LOOKS] * 5), until=0)
    assert sources.sizes()["log_sessions"] == 3
    assert sources.counts()["evicted:log_session"] == 2


@settings(max_examples=15)
@given(st.integers(0, 700), st.lists(st.sampled_from([BUYS, LOOKS, BUYS[:2], LOOKS[1:]]), min_size=60, max_size=60))
def test_a_restart_changes_nothing(at, some):
    logs = lines([BUYS, LOOKS] * 100 + some)

    def told(samples):
        return [(each.time, each.value, each.evidence()) for each in samples]

    def named(of):
        return [("memos", of.memos), ("logs", of._logs), ("limits", of._limits)]

    first, again = source(), source()
    codec = snapshots.codec(monitored=False)
    before = run(first, logs[:at], until=0) if at else []
    again.restore(codec.loads(codec.dumps(first.state(), named(first)), dict(named(again))))
    assert told([*before, *run(again, logs[at:])]) == told(run(source(), logs))
