from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Detect, Limits, Logs
from floodmark.detect import snapshots
from floodmark.detect.logs.sources import LogSources
from floodmark.signals import Log

USUAL = {"request answered": 60, "row was written": 30, "cache is cold": 10}


def source(limits=None):
    return LogSources(Logs(learning=0), Limits(**(limits or {})), Detect())


def windows(*mixes, sources=None, first=0):
    """The samples of log_mix; a mix is the lines of a window by their text."""
    sources = sources or source()
    samples = []
    for window, mix in enumerate(mixes, start=first):
        for text, count in mix.items():
            for i in range(count):
                sources.observe(Log(time=window * 60 + i * 60 / count, body=text, labels={"service": "cart"}))
        samples += sources.advance((window + 1) * 60)
    return [each for each in samples if each.series.name == "log_mix"]


def shaken(draw):
    return {text: round(draw.gauss(count, count**0.5)) for text, count in USUAL.items()}


def test_chance_is_about_one_and_another_mix_is_far_more():
    draw = Random(7)
    usual = [each.value for each in windows(*[shaken(draw) for _ in range(100)])]
    assert len(usual) >= 40
    assert 0.3 < sum(usual) / len(usual) < 1.2
    other = windows(*[USUAL] * 40, *[{"request answered": 60, "row was written": 5, "cache is cold": 35}] * 3)
    assert other[-1].value > 5


def test_evidence_has_the_shares_now_and_before():
    other = {"request answered": 60, "row was written": 5, "cache is cold": 35}
    evidence = windows(*[USUAL] * 40, *[other] * 4)[-1].evidence()
    assert evidence.facts == {
        "lines_in_block": 400,
        "template_1": "row was written",
        "share_1": 0.05,
        "share_before_1": 0.2826,
        "template_2": "cache is cold",
        "share_2": 0.35,
        "share_before_2": 0.1174,
        "template_3": "request answered",
        "share_3": 0.6,
        "share_before_3": 0.6,
    }
    assert evidence.lines == ["row was written", "cache is cold", "request answered"]


def test_few_lines_wait_until_they_are_enough():
    tenth = {text: count // 10 for text, count in USUAL.items()}
    assert [each.time for each in windows(*[tenth] * 84)] == [360 * i for i in range(11, 15)]


def test_a_quiet_source_has_no_mix():
    assert windows(*[{"request answered": 4, "row was written": 1}] * 200) == []


def test_what_is_new_is_no_shift():
    deploy = USUAL | {f"{word} of the new release has come up": 30 for word in ("front", "side", "back")}
    steady = windows(*[USUAL] * 40, *[deploy] * 3)
    assert max(each.value for each in steady) < 0.5


def test_joined_templates_keep_their_share():
    names = ["ann", "ben", "cid", "dan"]
    before = USUAL | {f"Unknown guest {name} from afar": 10 for name in names[:3]}
    after = USUAL | {f"Unknown guest {name} from afar": 30 / 4 for name in names}
    after = {text: round(count) for text, count in after.items()}
    assert max(each.value for each in windows(*[before] * 40, *[after] * 5)) < 0.5


@settings(max_examples=15)
@given(st.integers(0, 39), st.integers(0, 99), st.integers(2, 5))
def test_a_restart_changes_nothing(at, seed, templates):
    draw = Random(seed)
    mixes = [shaken(draw) | {f"odd {draw.choice('abcdefgh')} out": 20} for _ in range(40)]
    at_once = windows(*mixes, sources=source({"templates": templates}))
    sources, again = source({"templates": templates}), source({"templates": templates})
    first = windows(*mixes[:at], sources=sources)
    codec = snapshots.codec(monitored=False)

    def named(of):
        return [("memos", of.memos), ("logs", of._logs), ("limits", of._limits)]

    again.restore(codec.loads(codec.dumps(sources.state(), named(sources)), dict(named(again))))
    then = windows(*mixes[at:], sources=again, first=at)
    assert [(e.time, e.value, e.evidence()) for e in [*first, *then]] == [
        (e.time, e.value, e.evidence()) for e in at_once
    ]
