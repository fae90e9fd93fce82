from floodmark.alerts import Anomaly, Cause, Evidence, Incident, utc
from floodmark.config.trials import Expected
from floodmark.trials.judging import Came, Telling, judge

START = 1_767_571_200.0
HOUR = 3600.0


def incident(
    id="inc-1", *, at=4 * HOUR, title="checkout: latency 40 → 400 ms", over=None, severity="error", merged=None
):
    return Incident(
        id=id, event="opened", revision=1, scope="", severity=severity, title=title, why="one thing",
        started_at=utc(START + at), updated_at=utc(START + at + 60), resolved_at=utc(START + over) if over else None,
        resolution="", entities=["checkout"], member_count=1, members=[],
        causes=[Cause(entity="checkout", share=1.0, reason="it began first", anomalies=[])], changes=[],
        merged_into=merged,
    )  # fmt: skip


def anomaly(at=4 * HOUR, **labels):
    return Anomaly(
        id="a-1", event="opened", scope="", entity="checkout", signal="metric", series="latency", name="latency_ms",
        labels={"service": "checkout", **labels}, unit="", started_at=utc(START + at), updated_at=utc(START + at),
        ended_at=None, head="forecast", direction="up", observed=1, expected=0, low=0, high=0, p_value=0.0,
        severity="error", summary="it is high", detector="default", evidence=Evidence(),
    )  # fmt: skip


def failures(expected, **came):
    found = judge(Expected.model_validate(expected), Came(START, START + 6 * HOUR, **came))
    return ["\n".join((each.words, *each.instead)) for each in found]


def test_what_is_as_expected_says_nothing():
    wanted = {
        "count": 1, "title": "CHECKOUT", "first_cause": "checkout", "entities": ["checkout"], "from": "4h", "to": "4h",
        "severity": ["error"], "told_by": "4h1m", "resolved": True, "why": "one", "cause": "first",
    }  # fmt: skip
    assert failures({"incidents": [wanted]}, incidents=[incident(over=5 * HOUR)]) == []


def test_each_thing_that_is_otherwise_is_said():
    wanted = {
        "title": "cart",
        "first_cause": "cart",
        "severity": ["info"],
        "told_by": "4h",
        "resolved": True,
        "to": "3h",
    }
    (said,) = failures({"incidents": [wanted]}, incidents=[incident()])
    assert "none came that fits" in said
    for words in ("'cart'", "first cause is checkout", "severity is error", "told 4h1m", "not over", "begins 4h"):
        assert words in said


def test_nothing_at_all_is_said():
    assert failures({"incidents": [{}]}) == [
        "expected 1 or more incidents, and none came that fits\nthere was no incident at all"
    ]


def test_others_may_not_come_unless_it_is_said():
    two = [incident(), incident("inc-2", title="cart is down")]
    (said,) = failures({"incidents": [{"title": "checkout"}]}, incidents=two)
    assert "expected no other incident, and 1 incident came" in said
    assert "cart is down" in said
    assert failures({"incidents": [{"title": "checkout"}], "others": 1}, incidents=two) == []
    assert len(failures({"incidents": []}, incidents=two)) == 1


def test_what_was_merged_away_does_not_count():
    assert failures({"incidents": [{"count": 1}]}, incidents=[incident(), incident("inc-2", merged="inc-1")]) == []


def test_the_worst_counts():
    both = [incident(severity="critical"), incident(severity="warning")]
    assert failures({"incidents": [{"severity": ["critical"]}]}, incidents=both) == []


def test_calm():
    assert failures({"none": [{"to": "3h59m"}, {"from": "5h"}]}, incidents=[incident()]) == []
    assert failures({"none": [{"entity": "cart"}]}, incidents=[incident()]) == []
    assert "between 0s and 6h" in failures({"none": [{}]}, incidents=[incident()])[0]


def test_anomalies_by_their_series():
    for text in ("latency_ms", 'latency_*{service="checkout"}', '{service="check*"}'):
        assert failures({"anomalies": [{"series": text, "count": 1}]}, anomalies=[anomaly(), anomaly()]) == []
    (said,) = failures({"anomalies": [{"series": 'latency_ms{service="cart"}'}]}, anomalies=[anomaly()])
    assert "it is high" in said
    assert failures({"anomalies": [{"count": 0}]}, anomalies=[anomaly()])[0].startswith("expected no anomalies")


def test_who_is_told():
    told = [Telling(utc(START), "hook", "ann, bob", "open", True, "checkout is slow", "it opened")]
    assert failures({"routes": [{"target": "hook", "who": "bob", "loud": True, "count": 1}]}, told=told) == []
    (said,) = failures({"routes": [{"who": "eve"}]}, told=told)
    assert "hook (ann, bob): open, loud" in said
    assert len(failures({"routes": []}, told=told)) == 1
    assert failures({"routes": []}) == []


def test_what_was_refused_is_said_first():
    said = failures({"incidents": [{}]}, refused={"not_json": (2, "at m/0@1: it is no JSON")})
    assert "2 messages of the input could not be used" in said[0]
    assert "not_json: 2; first at m/0@1" in said[0]
    assert failures({"refused": 2}, refused={"not_json": (2, "")}) == []
