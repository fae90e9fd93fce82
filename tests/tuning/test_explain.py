"""Why a point alarmed or not: the numbers are the model's own, and each rule that had a say is named."""

from datetime import UTC, datetime

import pytest

from floodmark.config.models import Config, Detector, Guard, Maintenance, Quiet
from floodmark.detect.feedback import Feedback
from floodmark.signals import Verdict
from floodmark.tuning.explain import ExplainError, expectation, explain, verdict

from .recorded import FAULT, START, key, latency, recording


def at(minute):
    return START + 60.0 * minute


def explained(minute, config=None, pattern="latency_ms", events=None):
    config = config or Config()
    return explain(config, recording(latency("cart") if events is None else events, config=config), pattern, at(minute))


def with_detector(**settings):
    return Config(detectors=[Detector(name="own", **settings)])


def test_the_opening_point():
    found = explained(FAULT.start)
    last = found.last
    assert found.series.key == key("cart")
    assert last.judgement.context.time == at(FAULT.start)
    assert last.head == "forecast"
    assert "cart latency_ms is" in last.sentence
    assert verdict(found)[0] == "An alarm opened with this point."
    smallest = min(reason.p_value for reason in last.reasons)
    assert last.judgement.p_value == pytest.approx(smallest)
    assert last.judgement.p_value < last.alpha == pytest.approx(60 / 86_400)
    _, low, high = next(reason.band for reason in last.reasons if reason.head == "forecast")
    assert low < 50 < high < last.judgement.context.value


def test_it_is_the_last_point_until_then_and_what_came_later_is_not_read():
    found = explained(FAULT.start - 0.5)
    assert found.last.judgement.context.time == at(FAULT.start - 1)
    assert verdict(found)[0] == "No alarm opened."
    assert found.anomalies == []
    assert len(found.moments) == Config().detect.evidence


def test_a_point_that_is_not_odd_enough():
    assert verdict(explained(300))[1].startswith("Level: p = ")


def test_a_point_of_an_open_alarm():
    said = verdict(explained(FAULT.start + 3))
    assert said[0] == "An alarm was open already."
    assert "by forecast" in said[1]
    assert "(refractory)" in said[2]


def test_the_point_that_closes_an_alarm_says_so():
    closing = next(
        minute for minute in range(FAULT.stop, 440) if "With this point it closed." in verdict(explained(minute))
    )
    assert verdict(explained(closing + 1))[0] == "No alarm opened."


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (with_detector(warmup=500), "Warm-up: 400 points were learned before it, and warmup is 500."),
        (with_detector(direction="down"), "Direction: it deviates upwards, and only down may alarm (direction)."),
        (with_detector(min_deviation=Guard(absolute=500)), "Guard: it is too near to what was expected"),
        (with_detector(quiet=[Quiet.model_validate({"from": "00:00", "to": "24:00"})]), "Quiet hours of the detector"),
        (
            Config(
                maintenance=[Maintenance.model_validate({"from": "2023-11-15T00:00:00Z", "to": "2023-11-16T00:00:00Z"})]
            ),
            "Maintenance holds",
        ),
    ],
)
def test_what_kept_an_alarm_from_opening(config, said):
    first, *reasons = verdict(explained(FAULT.start, config))
    assert first == "No alarm opened."
    assert len(reasons) == 1
    assert reasons[0].startswith(said)


def test_what_people_have_said_is_named():
    when = datetime.fromtimestamp(START, UTC)
    feedback = Feedback()
    for id in "abc":
        feedback.learn(Verdict(id=id, verdict="not_anomaly", series=key("cart"), direction="up", by="ann", at=when))
    events = latency("cart")
    events[FAULT.start]["value"] = 60.0
    plain, calm = (
        explain(Config(), recording(events), "latency_ms", at(FAULT.start), each) for each in (None, feedback)
    )
    assert verdict(plain)[0] == "An alarm opened with this point."
    first, reason = verdict(calm)
    assert first == "No alarm opened."
    assert reason.startswith("Feedback: p = ")
    assert reason.endswith("which is the budget's divided by 1000, for what people have said.")
    assert calm.last.alpha == pytest.approx(plain.last.alpha / 1000)


def test_silence_after_the_point_is_told():
    events = [*latency("cart", fault=(), points=300), *latency("web", fault=())]
    found = explained(400, pattern=key("cart"), events=events)
    assert found.last.judgement.context.time == at(299)
    assert "it opened: cart latency_ms has sent nothing" in verdict(found)[-1]


def test_the_first_point_has_no_expectation():
    found = explained(0)
    assert expectation(found) == "nothing yet: it is the first point"
    assert found.last.sentence == "no head finds the point odd"


def test_a_series_without_heads_is_explained_too():
    found = explained(300, with_detector(heads=["stale"]))
    assert found.last.reasons == []
    assert verdict(found)[0] == "No alarm opened."


def test_one_series_has_to_be_meant():
    events = [*latency("cart", points=30), *latency("web", points=30)]
    with pytest.raises(ExplainError, match="means 2 series") as caught:
        explained(20, pattern="latency*", events=events)
    assert key("cart") in str(caught.value)
    with pytest.raises(ExplainError, match="The nearest are:\n  latency_ms") as caught:
        explained(20, pattern="latency", events=events)
    with pytest.raises(ExplainError, match="None of the 0 series"):
        explained(-10, events=events)
    assert explained(20, pattern=key("web"), events=events).series.key == key("web")


def test_a_series_that_is_not_watched():
    with pytest.raises(ExplainError, match="its detector is not enabled"):
        explained(300, with_detector(enabled=False))


@pytest.mark.parametrize("config", [Config(), with_detector(heads=["stale"])])
def test_a_picture(config):
    pytest.importorskip("matplotlib")
    from floodmark.tuning import plots

    for minute in (0, FAULT.start + 3):
        assert plots.of_explanation(explained(minute, config)).startswith(b"\x89PNG")
