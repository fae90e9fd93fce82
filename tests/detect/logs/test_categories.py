from msgspec.structs import replace

from floodmark.config.models import Detect, Limits, Logs
from floodmark.detect.logs.sources import LogSources
from floodmark.signals import Log


def maker(**logs):
    return LogSources(Logs(**logs), Limits(), Detect())


def log(time, body, **more):
    return Log(time=time, body=body, labels={"service": "web"}, **more)


def served(time, status):
    return log(time, f'10.0.0.1 - - [30/Nov/2026:23:00:10 +0000] "GET /i/7 HTTP/1.1" {status} 512')


def minutes(sources, statuses, first=0):
    """Samples; `statuses` are those of each minute."""
    made = []
    for minute, each in enumerate(statuses, start=first):
        for i, status in enumerate(each):
            sources.observe(served(60 * minute + 60 * i / len(each), status))
        made += sources.advance(60 * (minute + 1))
    return made


def values(samples, name, **labels):
    return [
        (sample.time, round(sample.value, 4))
        for sample in samples
        if sample.series.name == name and labels.items() <= dict(sample.series.labels).items()
    ]


CALM = [200] * 49 + [500]
BAD = [200] * 20 + [500] * 25 + [503] * 5


def test_bad_codes_are_counted_and_their_share_waits_until_it_says_something():
    samples = minutes(maker(), [CALM] * 14 + [BAD, CALM])
    assert values(samples, "log_code_errors") == [(60 * i, 30 if i == 15 else 1) for i in range(1, 17)]
    assert values(samples, "log_code_error_ratio") == [
        *((60 * i, 0.02) for i in range(2, 15, 2)),
        (900, 0.6),
        (960, 0.02),
    ]
    (series,) = {
        sample.series.key: sample.series for sample in samples if sample.series.name == "log_code_errors"
    }.values()
    assert series.key == 'log_code_errors{codes="5xx answers",field="status",service="web"}'
    assert (series.kind, series.unit, series.worse, series.entity) == ("count", "lines", "up", "web")


def test_the_evidence_has_the_codes_and_lines_with_bad_ones():
    samples = minutes(maker(lines=2), [CALM] * 14 + [BAD])
    (found,) = [each for each in samples if each.series.name == "log_code_errors" and each.time == 900]
    evidence = found.evidence()
    assert evidence.facts == {
        "codes": "500: 25, 200: 20, 503: 5",
        "codes_in_window": 50,
        "bad_in_window": 30,
        "bad_share_before": 0.02,
        "window_seconds": 60,
    }
    assert len(evidence.lines) == 2
    assert all(" 503 512" in line for line in evidence.lines)


def test_a_burst_is_looked_at_before_its_window_is_over():
    sources = maker()
    minutes(sources, [CALM] * 3)
    for i in range(5):
        sources.observe(served(185 + i, 500))
    early = [each for each in sources.advance(200) if each.series.name == "log_code_errors"]
    assert [(each.time, each.value, each.early) for each in early] == [(180, 5, True)]


def test_the_first_bad_codes_of_a_source_come_after_zeros():
    sources = maker()
    for i in range(600):
        sources.observe(log(i, "all is well"))
    made = sources.advance(600)
    for i in range(7):
        sources.observe(log(605 + i, f"job {i} ended with exit code 1"))
    made += sources.advance(630)
    assert values(made, "log_code_errors") == [*((60 * i, 0) for i in range(1, 11)), (600, 7)]
    made = sources.advance(720)
    assert values(made, "log_code_errors") == [(660, 7), (720, 0)]


def test_fields_with_series_are_bounded_and_the_least_recently_heard_goes():
    sources, samples = maker(codes=2), []
    for minute in range(6):
        for name in ["exit_code", "errno"] if minute < 4 else ["sqlcode", "errno"]:
            for i in range(12):
                sources.observe(log(60 * minute + i, f"done {name}=-1 of {i}"))
        for i in range(12):
            sources.observe(log(60 * minute + 20 + i, "query ended rcode=SERVFAIL"))
        samples += sources.advance(60 * (minute + 1))
    heard = {
        field: [value for _, value in values(samples, "log_code_errors", field=field)]
        for field in ("exit_code", "errno", "sqlcode", "rcode")
    }
    assert heard == {"exit_code": [12] * 4 + [0], "errno": [12] * 6, "sqlcode": [0] * 4 + [12], "rcode": []}
    assert sources.counts()["evicted:log_code"] == 1
    assert sources.counts()["left_out:log_code"] == 6 + 1


def test_any_number_of_names_is_bounded():
    sources = maker(codes=3)
    for i in range(2_000):
        sources.observe(log(i, "done", attributes={f"f{i}.status": "two words"}))
        sources.observe(log(i, "done", attributes={f"f{i % 50}.exit_code": 1}))
    sources.advance(2_000)
    (source,) = sources.state()[0].values()
    assert len(source._codes._fields) <= 3 + 4 * 3
    assert len({each.series.key for each in sources.advance(2_060) if each.series.name == "log_code_errors"}) <= 3


def test_a_field_that_is_silent_is_counted_for_a_day():
    sources = maker()
    sources.observe(served(10, 500))
    made = []
    for minute in range(1, 1_500):
        sources.observe(log(60 * minute, "all is well"))
        made += sources.advance(60 * minute)
    assert values(made, "log_code_errors")[0] == (60, 1)
    assert 86_400 <= values(made, "log_code_errors")[-1][0] <= 86_600


def test_late_lines_do_not_count():
    sources = maker()
    made = minutes(sources, [CALM] * 2)
    sources.observe(served(30, 500))
    made += minutes(sources, [CALM], first=2)
    assert values(made, "log_code_errors") == [(60, 1), (120, 1), (180, 1)]


def test_event_time_that_goes_back_takes_the_windows_with_it():
    sources = maker()
    minutes(sources, [CALM] * 2)
    sources.observe(served(9_000, 500))
    sources.back(120, 600)
    made = minutes(sources, [CALM] * 2, first=2)
    assert values(made, "log_code_errors") == [(180, 1), (240, 1)]


def test_repeats_count_as_many_lines():
    once, repeated = maker(), maker()
    for i in range(30):
        line = replace(served(i, 500), severity="ERROR")
        for _ in range(4):
            once.observe(line)
        repeated.observe(replace(line, count=4))
    as_told = [[(e.series.key, e.time, e.value) for e in each.advance(60)] for each in (once, repeated)]
    assert as_told[0] == as_told[1]
    assert once.templates() == repeated.templates()


def test_repeats_are_no_further_values():
    sources = maker()
    for i in range(100):
        sources.observe(log(i, f"took {100 + i % 9} ms", count=50))
    samples = sources.advance(120)
    assert values(samples, "log_lines") == [(60, 3_000), (120, 2_000)]
    assert not values(samples, "log_parameter")[2:]


def test_repeats_without_end_are_capped():
    sources = maker()
    sources.observe(log(1, "it is on fire", count=10**9))
    sources.observe(log(2, "it is on fire", count=-3))
    assert values(sources.advance(60), "log_lines") == [(60, 100_001)]
    assert sources.counts()["capped:log_repeats"] == 2
