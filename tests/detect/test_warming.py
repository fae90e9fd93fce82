"""What is still learning: names, times, and a bound."""

from floodmark.config.models import Config, Limits
from floodmark.detect.stage import DetectStage
from floodmark.detect.warming import MOST, Warming
from floodmark.signals import Log, Metric

START = 1_700_006_400.0


def stage(**limits):
    return DetectStage(Config(limits=Limits(**limits)), "t/0", 1)


def point(minute, host="a"):
    return Metric(time=START + 60.0 * minute, name="cpu", value=1.0, labels={"host": host}, kind="gauge", unit="")


def line(minute, service="nginx"):
    return Log(time=START + 60.0 * minute, body="all is well", severity="INFO", labels={"service": service})


def test_a_metric_is_listed_until_its_warm_up_is_over():
    watched = stage()
    watched.process([point(i) for i in range(5)])
    (entry,) = watched.warming()
    assert entry == Warming('metric cpu{host="a"}', START + 60.0 * 19, 5, 20)
    assert watched.sizes()["warming"] == 1
    watched.process([point(i) for i in range(5, 20)])
    assert watched.warming() == []
    assert watched.sizes()["warming"] == 0


def test_a_series_with_one_point_has_no_pace():
    watched = stage()
    watched.process([point(0)])
    assert watched.warming()[0].until is None


def test_a_log_source_has_a_name():
    watched = stage()
    watched.process([line(i) for i in range(10)])
    (entry,) = watched.warming()
    assert (entry.what, entry.learned, entry.needed) == ("log source nginx", 8, 20)
    watched.process([line(i) for i in range(10, 40)])
    assert watched.warming() == []


def test_the_list_is_bounded_and_what_is_over_soonest_comes_last():
    watched = stage()
    hosts = [f"h{i}" for i in range(200)]
    watched.process([point(minute, host) for minute in range(3) for host in hosts])
    watched.process([line(minute, f"s{i}") for minute in range(3, 8) for i in range(MOST + 10)])
    found = watched.warming()
    assert len(found) == MOST
    assert all(entry.what.startswith("log source") for entry in found)
    assert watched.sizes()["warming"] == 200 + MOST + 10
    few = stage()
    few.process([point(minute, host) for minute in range(3) for host in hosts] + [point(3), point(4)])
    found = few.warming()
    assert len(found) == 10
    times = [entry.until for entry in found]
    assert times == sorted(times, reverse=True)


def test_it_is_the_same_after_a_restart():
    watched, again = stage(), stage()
    watched.process([*[point(i) for i in range(5)], *[line(i) for i in range(5, 9)]])
    again.restore(watched.snapshot())
    assert again.warming() == watched.warming()
