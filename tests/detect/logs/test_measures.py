import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Detect, Limits, Logs
from floodmark.detect.logs.measures import quantity
from floodmark.detect.logs.parameters import Parameter
from floodmark.detect.logs.sources import LogSources
from floodmark.signals import Log


def made(bodies, most=20, late=()):
    """The samples of log_parameter, a body a second and then the late ones, with windows of a minute."""
    sources = LogSources(Logs(learning=0, parameters=most), Limits(), Detect())
    samples = []
    for i, body in enumerate(bodies):
        samples += sources.advance(i)
        sources.observe(Log(time=float(i), body=body, labels={"service": "cart"}))
    samples += sources.advance(len(bodies) // 60 * 60 + 60)
    found = [each for each in samples if each.series.name == "log_parameter"]
    return found, sources


VARIED = [5, 9, 2, 7, 4, 8, 1, 6]


def took(n, text="took {} ms", start=0):
    return [text.format(VARIED[i % 8]) for i in range(start, start + n)]


def test_the_median_of_each_window_once_a_place_has_proved_to_measure():
    samples, _ = made(took(180))
    assert [(each.time, each.value) for each in samples] == [(120, 0.0055), (180, 0.0055)]
    series = samples[0].series
    assert (series.kind, series.unit, series.entity) == ("gauge", "s", "cart")
    assert (series.labels["place"], series.labels["parameter"], series.labels["service"]) == ("2", "took", "cart")


def test_evidence_marks_the_parameter_and_says_what_it_was():
    samples, _ = made(took(120) + ["took 1700 ms"] * 60)
    evidence = samples[-1].evidence()
    assert evidence.facts == {"log.record.template": "took <*: 1.7 s, before 5.5 ms>", "lines_in_window": 60}
    assert evidence.lines == ["took 1700 ms"] * 5


@pytest.mark.parametrize(
    "text",
    [
        "wrote {} rows to port 17",
        '{{"message": "done", "rows": {}}}',
        "level=info msg=done rows={}",
        "level=info msg=done weird={}",
        "queue has a depth {} now",
        "used {} KB",
        "full to {}%",
    ],
)
def test_numbers_are_found_in_sentences_json_and_logfmt(text):
    samples, _ = made(took(120, text))
    assert {each.series.labels["service"] for each in samples} == {"cart"}
    assert len(samples) == 1


@pytest.mark.parametrize(
    "bodies",
    [
        [f"offset is now {i} bytes on" for i in range(200)],
        [f"took {i} ms" for i in range(200, 0, -1)],
        [f"answered {[200, 404, 500][i % 3]} to it" for i in range(200)],
        took(200, "listens at port {}"),
        took(200, "order_id={} done"),
        took(200, "variant {} of it"),
        took(200, "weird=98{}17 done"),
        ["took 5 ms"] * 200,
        [f"guest {'abcdefgh'[i % 8]}{i} came" for i in range(200)],
    ],
    ids=["counts up", "counts down", "codes", "ports", "ids", "bare", "long", "constant", "no numbers"],
)
def test_what_does_not_measure_has_no_series(bodies):
    assert made(bodies)[0] == []


def test_at_most_so_many_are_followed_and_the_rest_is_counted():
    bodies = [body for pair in zip(took(70), took(70, "sent {} bytes"), strict=True) for body in pair]
    samples, sources = made(bodies, most=1)
    assert len({each.series.key for each in samples}) == 1
    assert sources.counts()["left_out:log_parameter"] == 1
    assert made(bodies, most=0)[0] == []


def test_other_units_and_words_in_the_place_are_no_values():
    samples, _ = made([*took(120), *["took 3 KB"] * 60, *["took 8 ms"] * 5])
    assert [(each.time, each.value) for each in samples] == [(120, 0.0055), (240, 0.008)]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("1,234.5", "number", (1234.5, "")),
        ("-3e2", "number", (-300, "")),
        ("12%", "number", (12, "%")),
        ("532 ms", "duration", (0.532, "s")),
        ("1m30s", "duration", (90, "s")),
        ("PT1H2M", "duration", (3720, "s")),
        ("<1 sec", "duration", (1, "s")),
        ("5 minutes", "duration", (300, "s")),
        ("2 d", "duration", (172800, "s")),
        ("12.5 KB", "size", (12800, "By")),
        ("3MiB", "size", (3 * 2**20, "By")),
        ("40 bytes", "size", (40, "By")),
        ("deadbeef", "id", None),
        ("10:15", "time", None),
    ],
)
def test_quantities_have_a_base_unit(text, kind, expected):
    found = quantity(Parameter(text, kind))
    assert found == (expected and (pytest.approx(expected[0]), expected[1]))


@settings(max_examples=200)
@given(st.text("0123456789.,_eE+-kKMGBmsdhPT% ", max_size=40), st.sampled_from(["number", "duration", "size"]))
def test_any_text_is_a_quantity_or_none(text, kind):
    found = quantity(Parameter(text, kind)) if text else None
    assert found is None or isinstance(found.value, float)


def test_a_value_beyond_all_bounds_is_none():
    samples, _ = made([*took(120), "took 1e999 ms"])
    assert [each.time for each in samples] == [120]


def test_windows_with_few_values_are_joined_and_rare_values_have_no_points():
    sources = LogSources(Logs(learning=0), Limits(), Detect())
    samples, at = [], 0.0
    for i in range(180):
        at += 30 if i < 120 else 100
        samples += sources.advance(at)
        sources.observe(Log(time=at, body=took(1, start=i)[0], labels={"service": "cart"}))
    times = [each.time for each in samples if each.series.name == "log_parameter"]
    assert times[:3] == [1980, 2160, 2340]  # two a minute: the third window has five
    assert times[-1] <= 3720  # from 3600 on there are three in five minutes
