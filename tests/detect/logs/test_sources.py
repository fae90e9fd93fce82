import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.alerts import Evidence
from floodmark.config.models import Detect, Limits, Logs
from floodmark.detect import snapshots
from floodmark.detect.logs.sources import LogSources
from floodmark.signals import Log

HOUR = 3600.0


def maker(logs=None, limits=None, detect=None):
    return LogSources(Logs(**(logs or {"learning": 0})), Limits(**(limits or {})), Detect(**(detect or {})))


def log(time, body="all is well", severity="INFO", **labels):
    return Log(time=time, body=body, severity=severity, labels=labels or {"service": "cart"})


def run(sources, signals, until):
    for signal in signals:
        assert sources.observe(signal) == []
    return sources.advance(until)


def values(samples, name, **labels):
    return [
        (sample.time, sample.value)
        for sample in samples
        if sample.series.name == name and labels.items() <= dict(sample.series.labels).items()
    ]


def sample_of(samples, name, time):
    (found,) = [sample for sample in samples if sample.series.name == name and sample.time == time]
    return found


def test_windows_are_counted_at_their_end_and_zero_filled():
    samples = run(maker(), [log(0), log(59.9), log(60), log(185)], until=300)
    assert values(samples, "log_lines") == [(60, 2), (120, 1), (180, 0), (240, 1), (300, 0)]


def test_a_window_stays_open_until_the_watermark_passes_its_end():
    sources = maker()
    assert run(sources, [log(10)], until=59.9) == []
    assert values(sources.advance(60), "log_lines") == [(60, 1)]
    assert sources.advance(60) == []


def test_series_carry_who_they_belong_to():
    samples = run(
        maker(detect={"scope": ["env"]}),
        [log(1, app="pay", host="h1", env="prod"), log(1, region="eu")],
        until=60,
    )
    pay, unknown = [sample.series for sample in samples if sample.series.name == "log_lines"]
    assert pay.key == 'log_lines{app="pay",env="prod"}'
    assert (pay.entity, pay.scope, pay.signal, pay.kind) == ("pay", "prod", "log", "count")
    assert unknown.key == 'log_lines{service="unknown"}'
    assert (unknown.entity, unknown.scope) == ("unknown", "")


def test_samples_come_by_time_then_key():
    samples = run(maker(), [log(t, f"line of {s}", service=s) for t in (70, 5) for s in ("b", "a")], until=120)
    order = [(sample.time, sample.series.key) for sample in samples]
    assert order == sorted(order)


def test_errors_and_their_ratio_need_severities():
    plain = run(maker(), [log(i, severity="") for i in range(20)], until=60)
    assert not values(plain, "log_errors")
    assert not values(plain, "log_error_ratio")
    lines = [log(i, "fine") for i in range(15)] + [log(20, "disk is full", "ERROR"), log(21, "lost", "FATAL")]
    samples = run(maker(), [*lines, log(70, "one line", "ERROR")], until=120)
    assert values(samples, "log_errors") == [(60, 2), (120, 1)]
    assert values(samples, "log_error_ratio") == [(60, 2 / 17)]
    assert sample_of(samples, "log_errors", 60).evidence() == Evidence(
        lines=["disk is full", "lost"],
        facts={"lines_in_window": 17, "errors_in_window": 2, "window_seconds": 60, "commonest_error": "disk is full"},
    )


def test_a_template_is_counted_from_its_first_window_on():
    signals = [log(5, "took 7 ms"), log(65, "took 9 ms"), log(66, "took 8 ms", "WARN"), log(70, "cache is cold")]
    samples = run(maker(), signals, until=180)
    took, cold = dict.fromkeys(s.series.labels["template"] for s in samples if s.series.name == "log_template")
    assert values(samples, "log_template", template=took) == [(60, 1), (120, 2), (180, 0)]
    assert values(samples, "log_template", template=cold) == [(120, 1), (180, 0)]
    _, busy, silent = (s for s in samples if s.series.labels.get("template") == took)
    assert busy.evidence() == Evidence(
        lines=["took 9 ms", "took 8 ms"],
        facts={
            "log.record.template": "took <*>",
            "lines_in_window": 2,
            "lines_before": 1.0,
            "window_seconds": 60,
            "severity": "WARN",
        },
    )
    assert silent.evidence().facts == {
        "log.record.template": "took <*>",
        "lines_in_window": 0,
        "lines_before": 1.5,
        "window_seconds": 60,
        "severity": "WARN",
    }


def test_lines_that_leave_are_few_the_newest_and_cut():
    samples = run(maker({"learning": 0, "lines": 2}), [log(i, f"n {i} " + "x" * 5000) for i in range(9)], until=60)
    lines = sample_of(samples, "log_template", 60).evidence().lines
    assert [line[:4] for line in lines] == ["n 7 ", "n 8 "]
    assert {len(line) for line in lines} == {500}


def test_nothing_is_new_while_the_source_is_learned():
    signals = [log(t * 60.0, f"steady beat {t}") for t in range(70)]
    novel = log(65 * 60.0 + 1, "never seen the like")
    samples = run(maker({"learning": HOUR}), sorted([*signals, novel], key=lambda s: s.time), until=70 * 60)
    counted = dict(values(samples, "log_new_templates"))
    assert min(counted) == HOUR + 60
    assert {time: count for time, count in counted.items() if count} == {66 * 60: 1}
    assert sample_of(samples, "log_new_templates", 66 * 60).evidence() == Evidence(
        lines=["never seen the like"], facts={"new_templates": 1, "new_template_1": "never seen the like"}
    )
    assert min(time for time, _ in values(samples, "log_template")) == HOUR + 60


def test_a_template_that_comes_back_after_a_day_is_rare():
    signals = [log(t * 600.0, "steady beat") for t in range(6 * 60)]
    signals += [log(t * HOUR + 1, "seldom said") for t in (0, 5, 30, 31, 58)]
    samples = run(maker({"learning": 0, "window": 600}), sorted(signals, key=lambda s: s.time), until=60 * HOUR)
    counted = dict(values(samples, "log_rare_templates"))
    assert len(counted) == 360
    assert {time: count for time, count in counted.items() if count} == {30 * HOUR + 600: 1, 58 * HOUR + 600: 1}
    assert sample_of(samples, "log_rare_templates", 30 * HOUR + 600).evidence() == Evidence(
        lines=["seldom said"], facts={"rare_templates": 1, "rare_template_1": "seldom said"}
    )


def test_joined_templates_are_one_series_from_then_on():
    names = ["ann", "ben", "cid", "dan", "eve"]
    early = [log(i, f"Unknown guest {name} from afar") for i, name in enumerate(names[:3])]
    late = [log(61 + i, f"Unknown guest {name} from afar") for i, name in enumerate(names)]
    sources = maker()
    before = run(sources, early, until=60)
    after = run(sources, late, until=180)
    assert len(values(before, "log_template")) == 3
    assert values(after, "log_template") == [(120, 5), (180, 0)]
    evidence = sample_of(after, "log_template", 120).evidence()
    assert evidence.facts["log.record.template"] == "Unknown guest <*> from afar"
    assert evidence.lines == [f"Unknown guest {name} from afar" for name in names]


def test_a_stopped_stream_is_not_a_silent_source():
    sources = maker()
    samples = run(sources, [log(0), log(6 * HOUR)], until=6 * HOUR + 60)
    assert values(samples, "log_lines") == [(60, 1), (6 * HOUR + 60, 1)]
    assert sources.counts()["skipped:empty_window"] == 6 * 60 - 1


def test_a_silent_source_is_zero_while_others_speak_but_not_for_ever():
    signals = [log(0, service="gone")] + [log(t * 600.0, service="here") for t in range(6 * 26)]
    samples = run(maker({"learning": 0, "window": 600}), signals, until=26 * HOUR)
    gone = values(samples, "log_lines", service="gone")
    assert [value for _, value in gone] == [1] + [0] * 144
    assert len(values(samples, "log_template", service="gone")) == 145
    assert len(values(samples, "log_lines", service="here")) == 156


def test_late_lines_are_counted_mined_and_shown():
    sources = maker()
    run(sources, [log(0), log(70)], until=120)
    samples = run(sources, [log(30, "came too late", "ERROR"), log(130)], until=180)
    assert sources.counts()["late:log"] == 1
    assert values(samples, "log_lines") == [(180, 1)]
    assert values(samples, "log_errors") == [(180, 0)]
    assert values(samples, "log_new_templates") == [(180, 1)]
    assert sample_of(samples, "log_errors", 180).evidence().lines == ["came too late"]


def test_sources_and_templates_are_bounded():
    sources = maker(limits={"sources": 2, "templates": 3})
    bodies = ["red", "green", "blue", "cyan", "pink"]
    for name in "abc":
        run(sources, [log(1, f"{body} {name}", service=name) for body in bodies * 4], until=0)
    assert sources.sizes() == {"log_sources": 2, "partial_lines": 0, "log_templates": 6, "log_sessions": 0}
    counts = sources.counts()
    assert counts["evicted:log_source"] == 1
    assert counts["evicted:log_template"] == 3 * (20 - 3)
    samples = sources.advance(60)
    assert values(samples, "log_lines") == [(60, 20), (60, 20)]
    assert len(values(samples, "log_template")) == 6


SIGNALS = st.lists(
    st.builds(
        log,
        st.floats(0, 900).map(lambda t: round(t, 2)),
        st.lists(st.sampled_from(["user", "ann", "ben", "cid", "dan", "up", "7"]), max_size=4).map(" ".join),
        st.sampled_from(["", "INFO", "ERROR"]),
        service=st.sampled_from(["a", "b", "c"]),
    ),
    max_size=60,
)


TRACES = st.lists(
    st.builds(
        log,
        st.integers(0, 300),
        st.sampled_from(
            ["took 5 ms", "lost", "\tat a.b.C(D.java:1)", "Traceback (most recent call last):", "  x = 1", "E: 5"]
        ),
        service=st.sampled_from(["a", "b"]),
    ),
    max_size=60,
).map(lambda signals: sorted(signals, key=lambda signal: signal.time))


def told(samples):
    return [(s.series.key, s.time, s.value, msgspec.json.encode(s.evidence())) for s in samples]


@settings(max_examples=60)
@given(SIGNALS, st.integers(1, 3), st.integers(1, 3))
def test_the_same_lines_and_watermarks_give_the_same_samples(signals, sources, templates):
    def outputs():
        made, newest = [], 0.0
        one = maker({"learning": 120}, {"sources": sources, "templates": templates})
        for signal in signals:
            if signal.time > newest:
                newest = signal.time
                made += told(one.advance(newest - 90))
            one.observe(signal)
        made += told(one.advance(1000))
        return made, one.counts(), one.sizes()

    first = outputs()
    assert outputs() == first
    seen = [(key, time) for key, time, _, _ in first[0]]
    assert len(set(seen)) == len(seen)
    for wanted in {key for key, _ in seen}:
        times = [time for key, time in seen if key == wanted]
        assert times == sorted(times)


@settings(max_examples=60)
@given(SIGNALS, st.lists(st.floats(0, 1000), max_size=8))
def test_how_the_watermark_gets_there_does_not_matter(signals, steps):
    """Values are the same whether windows close one by one or at once, if no line is late and the stream goes on."""
    signals = sorted([*signals, *(log(t * 60.0, "tick", service="z") for t in range(17))], key=lambda s: s.time)
    at_once, by_steps = maker(), maker()
    for signal in signals:
        at_once.observe(signal)
        by_steps.observe(signal)
    made = [sample for step in [*sorted(steps), 1020.0] for sample in told(by_steps.advance(step))]
    assert made == told(at_once.advance(1020.0))


@given(SIGNALS)
def test_every_line_is_counted_once(signals):
    sources = maker()
    samples = run(sources, signals, until=960)
    assert sum(value for _, value in values(samples, "log_lines")) == len(signals)
    assert sum(value for _, value in values(samples, "log_template")) == len(signals)


def test_a_stack_trace_is_part_of_its_line():
    trace = ["could not save", "\tat org.example.Dao.save(Dao.java:12)", "Caused by: java.io.IOException: closed"]
    sources = maker()
    samples = run(sources, [log(i, body, "ERROR") for i, body in enumerate([*trace, "all is well"])], until=60)
    assert values(samples, "log_lines") == [(60, 2)]
    assert values(samples, "log_new_templates") == [(60, 2)]
    assert sources.counts()["joined:log_line"] == 2
    assert sample_of(samples, "log_lines", 60).evidence().lines == ["\n".join(trace), "all is well"]


def test_what_comes_after_its_window_was_told_changes_nothing_there():
    sources = maker()
    samples = run(sources, [log(1, "could not save", "ERROR")], until=60)
    run(sources, [log(61, "Caused by: java.io.IOException: closed", "ERROR")], until=120)
    assert sample_of(samples, "log_lines", 60).evidence().lines == ["could not save"]
    assert sources.counts()["joined:log_line"] == 1


def test_a_trace_belongs_to_its_source():
    sources = maker()
    run(sources, [log(1, "fine", service="a"), log(2, "Caused by: x.y.Z: closed", service="b")], until=60)
    assert sources.counts()["joined:log_line"] == 0


def test_masks_are_of_the_config():
    sources = maker({"learning": 0, "masks": [{"name": "customer", "pattern": "Acme|Globex"}]})
    samples = run(sources, [log(1, "lost by Acme"), log(2, "lost by Globex")], until=60)
    assert values(samples, "log_template") == [(60, 2)]


@settings(max_examples=60)
@given(TRACES, st.integers(0, 60))
def test_a_restart_between_two_lines_changes_nothing(signals, at):
    def state_again(sources):
        external = [("memos", sources.memos), ("logs", sources._logs), ("limits", sources._limits)]
        codec = snapshots.codec(monitored=False)
        again = maker()
        names = {"memos": again.memos, "logs": again._logs, "limits": again._limits}
        again.restore(codec.loads(codec.dumps(sources.state(), external), names))
        return again

    at_once, restarted = maker(), maker()
    run(at_once, signals, until=150)
    before = run(restarted, signals[:at], until=0)
    restarted = state_again(restarted)
    assert before == []
    run(restarted, signals[at:], until=150)
    assert told(restarted.advance(360)) == told(at_once.advance(360))
    assert restarted.counts() == at_once.counts()


@given(TRACES)
def test_every_line_is_counted_or_joined(signals):
    sources = maker()
    samples = run(sources, signals, until=360)
    counted = sum(value for _, value in values(samples, "log_lines"))
    assert counted + sources.counts().get("joined:log_line", 0) == len(signals)


def test_a_source_whose_first_severity_is_an_error_had_none_before():
    lines = [log(60 * i, severity="") for i in range(70)]
    sources = maker()
    assert not values(run(sources, lines, until=4200), "log_errors")
    samples = run(sources, [log(4205, "disk is full", "ERROR")], until=4260)
    errors = values(samples, "log_errors")
    assert len(errors) == 61
    assert errors[0] == (660, 0)
    assert errors[-2:] == [(4200, 0), (4260, 1)]
    assert [value for _, value in values(samples, "log_error_ratio")] == []


def test_so_it_is_early_when_they_come_in_a_burst():
    sources = maker()
    run(sources, [log(60 * i, severity="") for i in range(10)], until=600)
    samples = run(sources, [log(605 + i, "disk is full", "ERROR") for i in range(9)], until=610)
    assert values(samples, "log_errors") == [(60 * i, 0) for i in range(1, 11)] + [(600, 9)]
    assert [sample.early for sample in samples] == [False] * 10 + [True]


def test_errors_of_an_open_window_are_shown_once_there_are_a_few():
    sources = maker()
    run(sources, [log(10), *[log(65 + i, "disk is full", "ERROR") for i in range(4)]], until=60)
    assert not [sample for sample in sources.advance(70) if sample.early]
    sources.observe(log(75, "disk is full", "ERROR"))
    (early,) = [sample for sample in sources.advance(80) if sample.early]
    assert (early.series.name, early.time, early.value) == ("log_errors", 60, 5)
    assert early.evidence().facts["errors_in_window"] == 5
    samples = sources.advance(120)
    assert not [sample for sample in samples if sample.early]
    assert values(samples, "log_errors") == [(120, 5)]


def test_what_is_ahead_of_its_time_is_not_shown_early():
    sources = maker()
    run(sources, [log(10), *[log(600 + i, "disk is full", "ERROR") for i in range(9)]], until=60)
    assert not [sample for sample in sources.advance(500) if sample.early]


def test_a_source_that_was_replaced_has_not_fallen_silent():
    old, new = "shop-7d9f8b6c5-x2x4z", "shop-5f6585d649-fnmft"
    lines = [log(t, host=old) for t in range(0, 180, 10)] + [log(t, host=new) for t in range(120, 360, 10)]
    sources = maker()
    samples = run(sources, lines, until=360)
    assert values(samples, "log_lines", host=old) == [(60, 6), (120, 6), (180, 6)]
    assert values(samples, "log_lines", host=new)[-1] == (360, 6)
    assert sources.counts()["ended:log_source"] == 1
    silent = sources.advance(480)  # all of them
    assert {value for _, value in values(silent, "log_lines")} == {0}
    assert len(values(silent, "log_lines")) == 4
    back = run(sources, [log(490, host=old)], until=540)
    assert values(back, "log_lines", host=old) == [(540, 1)]


def test_a_host_of_its_own_name_and_another_service_fall_silent():
    for old, new in (("web-1", "web-2"), ("shop-7d9f8b6c5-x2x4z", "cart-5f6585d649-fnmft"), ("db-0", "db-1")):
        samples = run(maker(), [log(1, host=old), *(log(t, host=new) for t in range(1, 180, 10))], until=180)
        assert values(samples, "log_lines", host=old) == [(60, 1), (120, 0), (180, 0)]
