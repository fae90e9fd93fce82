"""What has ended is not silent, what rests at its hours is not either, and all else is told."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.alerts import Anomaly
from floodmark.config.models import Config
from floodmark.detect import DetectStage
from floodmark.detect.habits import Episode, has_hours, usual, usual_return, with_episode, with_silence
from floodmark.detect.kin import Kin, kind
from floodmark.detect.series import Series, series_key
from floodmark.signals import Metric

START = 1_700_006_400.0  # a midnight
HOUR, DAY = 3600.0, 86_400.0


def of(name="cpu", **labels):
    labels = {label.replace("__", "."): value for label, value in labels.items()}
    return Series(series_key(name, labels), name, labels, "shop", "default", "metric")


def play(minutes, alive, every=1, stage=None, names=("cpu",)):
    """`alive(minute)`: the labels of those that send a point then."""
    draw = random.Random(5)
    stage = stage or DetectStage(Config(), "metrics/0", 1)
    out = []
    for minute in range(0, minutes, every):
        time = START + 60 * minute
        points = [Metric(time, "beat", draw.gauss(5, 1), {"service": "heart"})]
        points += [Metric(time, name, draw.gauss(50, 2), labels) for labels in alive(minute) for name in names]
        out += stage.process(points)
    return [each for each in out if isinstance(each, Anomaly)], stage


def silent(found):
    """Who was told to be silent, and at which minute."""
    return [
        (each.labels.get("pod") or each.labels.get("host") or each.labels["service"], minute_of(each))
        for each in found
        if each.event == "opened" and each.head == "stale"
    ]


def minute_of(each):
    return round((each.updated_at.timestamp() - START) / 60)


def pods(*names, **more):
    return [{"service": "shop", "pod": name} | more for name in names]


# -- what has ended


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["shop-7d9f8b6c5-x2x4z", "shop-7d9f8b6c5-bcd5f"], ["shop-5f6585d649-fnmft", "shop-5f6585d649-2xk9p"]),
        (["shop-0000-0", "shop-0000-1"], ["shop-0001-0", "shop-0001-1"]),
        (["627cc493-f310-47de-96bd-71410b7dec09"], ["b1ac5fa2-8d1f-4f2e-8f3b-0d5e3a9c7e11"]),
        (["shop_web_1"], ["shop_web_2"]),
    ],
)
def test_a_pod_that_is_replaced_has_ended(old, new):
    found, stage = play(240, lambda m: pods(*old) if m < 120 else pods(*new))
    assert silent(found) == []
    assert stage.counts()["ended"] == len(old)


def test_one_after_the_other():
    names = [f"shop-7d9f8b6c5-{x}2x4z" for x in "bcd"], [f"shop-5f6585d649-{x}nmft" for x in "bcd"]
    found, _ = play(300, lambda m: pods(*(names[m >= 150 + 3 * i][i] for i in range(3)), node=f"n{m % 2}"))
    assert silent(found) == []


def test_scaled_down():
    names = [f"shop-7d9f8b6c5-{x}2x4z" for x in "bcdfg"]
    found, stage = play(240, lambda m: pods(*(names if m < 120 else names[:2])))
    assert silent(found) == []
    assert stage.counts()["ended"] == 3
    numbered = [f"shop-{i}" for i in range(4)]
    found, _ = play(240, lambda m: pods(*(numbered if m < 120 else numbered[:2])))
    assert silent(found) == []


def test_a_replica_in_the_middle_does_not_just_end():
    found, _ = play(240, lambda m: pods(*(f"shop-{i}" for i in range(3) if i != 1 or m < 120)))
    assert silent(found) == [("shop-1", 124)]


def test_all_together_are_silent():
    names = [f"shop-7d9f8b6c5-{x}2x4z" for x in "bcd"]
    found, _ = play(240, lambda m: pods(*names) if m < 120 else [])
    assert silent(found) == [(name, 124) for name in names]


def test_the_last_ones_of_many_that_go_one_by_one_are_told():
    names = [f"shop-7d9f8b6c5-{x}2x4z" for x in "bcd"]
    found, _ = play(240, lambda m: pods(*(name for i, name in enumerate(names) if m < 120 + 2 * i)))
    assert silent(found)[-1] == (names[-1], 128)
    assert ("shop-7d9f8b6c5-b2x4z", 124) not in silent(found)


def test_who_is_replaced_late_is_told_and_ends_with_that():
    """A single pod is deleted, the next is there after a quarter of an hour."""
    found, _ = play(
        300, lambda m: pods("shop-7d9f8b6c5-x2x4z") if m < 120 else pods("shop-5f6585d649-fnmft") if m >= 135 else []
    )
    told = [each for each in found if each.head == "stale"]
    assert [(each.event, minute_of(each)) for each in told if each.event != "updated"] == [
        ("opened", 124),
        ("closed", 136),
    ]


@pytest.mark.parametrize("pod", ["backup-28123456-abcde", "backup-28123456-x2x4z", "backup-28123456"])
def test_a_job_ends(pod):
    found, stage = play(180, lambda m: pods(pod) if m < 90 else [])
    assert silent(found) == []
    assert stage.counts()["ended"] == 1


def tasks(minute, cycle=60, length=35):
    """One task after another, each with an id of its own and a pause before the next."""
    number, at = divmod(minute, cycle)
    return [{"service": "etl", "task_id": f"{number:08x}-f310-47de-96bd-71410b7dec09"}] if at < length else []


def test_tasks_that_pause_are_learned_with_the_second_and_one_that_does_not_come_is_told():
    found, _ = play(900, lambda m: tasks(m) if m < 600 else [])
    assert silent(found) == [("etl", 39), ("etl", 99), ("etl", 574 + 2 * 26)]


def test_tasks_of_each_day():
    found, _ = play(8 * 1440, lambda m: tasks(m, cycle=1440, length=300), every=5)
    assert len(silent(found)) == 2


def test_who_was_there_when_we_came_takes_nobodys_place():
    found, _ = play(120, lambda m: hosts(*(["web-1", "web-2", "web-3"] if m < 40 else ["web-2", "web-3"])))
    assert silent(found) == [("web-1", 44)]


def hosts(*names, **more):
    return [{"service": "shop", "host": name} | more for name in names]


@pytest.mark.parametrize("names", [["web-1", "web-2", "web-3"], ["alpha", "beta", "gamma"], ["10.0.0.1", "10.0.0.2"]])
def test_a_host_is_missed(names):
    found, _ = play(240, lambda m: hosts(*(names if m < 120 else names[1:])))
    assert silent(found) == [(names[0], 124)]
    found, _ = play(240, lambda m: hosts(*(names if m < 120 else names[1:]), version="1.2.3"))
    assert silent(found) == [(names[0], 124)]


def test_a_host_for_which_another_has_come_is_not():
    found, _ = play(240, lambda m: hosts("web-1", "web-2" if m < 120 else "web-17"))
    assert silent(found) == []


def test_another_version_of_the_same():
    """A canary of three hours, then all of it."""

    def alive(minute):
        old = [{"service": "shop", "version": "1.2.3"}] if minute < 400 else []
        return old + ([{"service": "shop", "version": "1.3.0"}] if minute >= 200 else [])

    found, _ = play(500, alive)
    assert silent(found) == []


def test_the_pod_of_a_daemon_set_is_missed_with_its_machine():
    def alive(minute):
        machines = ("n1", "n2", "n3") if minute < 120 else ("n2", "n3")
        return [{"service": "agent", "pod": f"agent-x{name[1:]}x4z", "node": name} for name in machines]

    found, _ = play(240, alive)
    assert [name for name, _ in silent(found)] == ["agent-x1x4z"]


def test_services_do_not_stand_for_each_other():
    found, _ = play(
        240,
        lambda m: (
            pods("shop-7d9f8b6c5-x2x4z", service="a") + (pods("shop-5f6585d649-fnmft", service="b") if m < 120 else [])
        ),
    )
    assert silent(found) == [("shop-5f6585d649-fnmft", 124)]


def test_a_pod_that_was_only_away_goes_on_as_it_was():
    names = ["shop-7d9f8b6c5-x2x4z", "shop-7d9f8b6c5-bcd5f"]
    found, stage = play(400, lambda m: pods(*(names if not 120 <= m < 150 else names[:1])))
    assert silent(found) == []
    assert stage.sizes()["series"] == 3
    (watched,) = [w for w in stage._core._watchlist.series.values() if w.series.labels.get("pod") == names[1]]
    assert watched.born == START


def test_what_has_ended_is_forgotten():
    def alive(minute):
        return pods(f"shop-{minute // 60:08x}f-x2x4z", f"shop-{minute // 60:08x}f-bcd5f")

    found, stage = play(1440, alive)
    assert silent(found) == []
    assert stage.sizes()["series"] <= 2 * 8 + 1  # those of the last hours, and the heart
    assert stage.counts()["forgotten:gone"] > 20


def test_a_restart_changes_nothing():
    names = ["shop-7d9f8b6c5-x2x4z", "shop-7d9f8b6c5-bcd5f"], ["shop-5f6585d649-fnmft", "shop-5f6585d649-2xk9p"]

    def alive(minute):
        return pods(*names[minute >= 100]) + (hosts("web-1", "web-2") if minute < 120 else hosts("web-2"))

    whole, _ = play(700, alive)
    for cut in (102, 104, 125, 300):
        draw, stage, out = random.Random(5), DetectStage(Config(), "metrics/0", 1), []
        for minute in range(700):
            if minute == cut:
                again = DetectStage(Config(), "metrics/0", 1)
                assert not again.restore(stage.snapshot())
                stage = again
            points = [Metric(START + 60 * minute, "beat", draw.gauss(5, 1), {"service": "heart"})]
            points += [Metric(START + 60 * minute, "cpu", draw.gauss(50, 2), labels) for labels in alive(minute)]
            out += stage.process(points)
        assert [each for each in out if isinstance(each, Anomaly)] == whole


# -- kinds


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        ({"service": "shop"}, None),
        ({"service": "shop", "pod": "checkout"}, None),
        ({"host": "alpha"}, None),
        ({"device": "sensor-17", "id": "17"}, None),
        ({"account": "123456789012"}, None),
        ({"pod": "shop-7d9f8b6c5-x2x4z", "node": "n1"}, 'cpu{node="*",pod="shop*"}'),
        ({"pod": "agent-x2x4z", "node": "n1"}, 'cpu{node="n1",pod="agent*"}'),
        ({"host": "shop-7d9f8b6c5-x2x4z"}, 'cpu{host="shop*"}'),
        ({"pod": "db-0", "container": "istio-proxy"}, 'cpu{container="istio-proxy",pod="db*"}'),
        ({"container.id": "3f2a9c1b7d4e", "app": "a"}, 'cpu{app="a",container.id="*"}'),
        ({"instance": "10.1.2.3:9100", "job": "node"}, 'cpu{instance="#.#.#.#:#",job="node"}'),
        ({"service": "shop", "version": "1.2"}, 'cpu{service="shop",version="*"}'),
    ],
)
def test_kinds(labels, key):
    found = kind(Series(series_key("cpu", labels), "cpu", labels, "a", "default", "metric"))
    assert (None if found is None else found.key) == (None if key is None else f"default/{key}")


@given(st.dictionaries(st.sampled_from(["pod", "host", "service", "id", "version"]), st.text(max_size=30), max_size=4))
def test_any_labels_have_a_kind_or_none_and_leave_nothing_behind(labels):
    series, kin = Series(series_key("cpu", labels), "cpu", labels, "a", "default", "metric"), Kin()
    kin.join(series)
    mine = kind(series)
    assert mine is None or list(kin.siblings(series, mine)) == []
    kin.leave(series)
    assert kin._members == {}


# -- hours


def test_two_evenings_make_a_habit_and_the_third_is_expected():
    silences = ()
    for day in range(2):
        assert usual_return(silences, START + day * DAY + 18 * HOUR) is None
        silences = with_silence(silences, START + day * DAY + 18 * HOUR, START + day * DAY + 32 * HOUR)
    evening = START + 2 * DAY + 18 * HOUR
    assert usual_return(silences, evening) == evening + 14 * HOUR
    assert usual_return(silences, evening - 5 * HOUR) is None
    assert has_hours(silences, evening)


def test_one_late_morning_does_not_move_it():
    silences = ()
    for day in range(6):
        late = 3 * HOUR if day == 4 else 0.0
        silences = with_silence(silences, START + day * DAY + 18 * HOUR, START + day * DAY + 32 * HOUR + late)
    assert usual_return(silences, START + 6 * DAY + 18 * HOUR) == START + 7 * DAY + 8 * HOUR


def test_silences_at_any_time_are_no_hours():
    silences = ()
    for i in range(5):
        silences = with_silence(silences, START + i * 31 * HOUR, START + i * 31 * HOUR + 5 * HOUR)
    assert not has_hours(silences, START + 5 * 31 * HOUR)
    assert usual_return(silences, START + 5 * 31 * HOUR) is None


@given(st.lists(st.tuples(st.floats(0, 20 * DAY), st.floats(4 * HOUR, 3 * DAY)), max_size=30))
def test_silences_are_few_and_a_return_is_later(steps):
    silences, now = (), START
    for wait, length in steps:
        back = usual_return(silences, now)
        assert back is None or back >= now - HOUR
        silences = with_silence(silences, now, now + length)
        assert len(silences) <= 14
        now += length + wait


def shop(days, is_open, but=lambda minute: False):
    """The days with an evening, a morning or an hour in which the till was told to be silent, to the hundredth."""
    found, stage = play(
        days * 1440,
        lambda m: [{"service": "till"}] if is_open(m // 1440, m % 1440) and not but(m) else [],
        every=5,
    )
    return [round(minute / 1440, 2) for name, minute in silent(found) if name == "till"], stage, found


def weekdays(day, minute):
    return 480 <= minute < 1080 and day % 7 < 5


def test_opening_hours_are_learned_and_a_silence_within_them_is_told():
    noon = 12 * 1440 + 660
    told, stage, found = shop(15, lambda _, m: 480 <= m < 1080, but=lambda m: noon <= m < noon + 120)
    assert told == [0.76, 1.76, 12.47]
    assert stage.counts()["held:hours"] == 13
    (at_noon,) = [
        each for each in found if each.event == "opened" and each.head == "stale" and minute_of(each) > 12 * 1440
    ]
    assert "on other days" not in at_noon.summary


def test_a_morning_on_which_it_stays_closed_is_told():
    told, _, found = shop(12, lambda _, m: 480 <= m < 1080, but=lambda m: m // 1440 == 9)
    assert told[:2] == [0.76, 1.76]
    (late,) = told[2:]
    assert 9.34 < late < 9.4
    (said,) = [
        each for each in found if each.event == "opened" and minute_of(each) // 1440 == 9 and each.head == "stale"
    ]
    assert said.summary.endswith("; on other days it is back by 08:00 UTC")


def test_weekends_are_learned_with_the_second():
    told, _, _ = shop(21, weekdays)
    assert told[:2] == [0.76, 1.76]
    assert len(told) == 3
    assert 5.3 < told[2] < 5.4


def test_silence_at_random_hours_becomes_normal_by_its_length_alone():
    draw, quiet = random.Random(3), []
    start = 2000
    while start < 20 * 1440:
        quiet.append(range(start, start + draw.randint(250, 340)))
        start += draw.randint(1100, 2900)
    told, _, _ = shop(20, lambda day, m: not any(day * 1440 + m in each for each in quiet))
    assert len(told) <= 4
    assert len(quiet) > 12


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 3 * 288))
def test_a_restart_at_any_time_forgets_no_hours(cut):
    def run(at):
        draw, stage, out = random.Random(5), DetectStage(Config(), "metrics/0", 1), []
        for i in range(4 * 288):
            if i == at:
                again = DetectStage(Config(), "metrics/0", 1)
                assert not again.restore(stage.snapshot())
                stage = again
            points = [Metric(START + 300 * i, "beat", draw.gauss(5, 1), {"service": "heart"})]
            if 96 <= i % 288 < 216:
                points.append(Metric(START + 300 * i, "till", draw.gauss(50, 2), {"service": "till"}))
            out += stage.process(points)
        return out

    assert run(cut) == run(None)


# -- what is usual at an hour


def office(days, but=None, name="load"):
    """The days, to a hundredth, on which an alarm of a square wave opened."""
    draw, stage, out = random.Random(4), DetectStage(Config(), "metrics/0", 1), []
    for i in range(days * 720):
        hour = i % 720 / 30
        value = draw.gauss(100.0 if 9 <= hour < 17 else 20.0, 3)
        value = value if but is None else but(i / 720, value)
        out += stage.process([Metric(START + 120 * i, name, value, {"service": "office"})])
    opened = [each for each in out if isinstance(each, Anomaly) and each.event == "opened"]
    return [round((each.updated_at.timestamp() - START) / DAY, 2) for each in opened], stage


def test_edges_that_alarm_each_day_become_usual_and_then_the_season():
    told, stage = office(14)
    assert len([day for day in told if day < 2]) == 4
    assert len([day for day in told if day >= 4]) <= 5  # without it, two each day
    assert stage.counts()["held:usual"] > 0


def test_what_is_not_so_at_that_hour_is_told_while_edges_are_usual():
    hours = (3.46, 3.48)  # from eleven o'clock on the fourth day
    for value in (20.0, 160.0):
        told, _ = office(4, lambda day, usual, odd=value: odd if hours[0] <= day < hours[1] else usual)
        assert any(hours[0] <= day <= hours[1] + 0.01 for day in told)


def test_usual_needs_two_days_the_direction_and_the_reach():
    def at(day, hour, length=6, direction="up", low=20.0, high=100.0):
        start = START + day * DAY + hour * HOUR
        return Episode(start, start + length * HOUR, direction, low, high)

    noon = START + 2 * DAY + 12 * HOUR
    two = (at(0, 9), at(1, 9))
    assert usual(two, noon, 100.0, "up") is not None
    assert usual(two[:1], noon, 100.0, "up") is None
    assert usual((at(1, 9), at(1, 11)), noon, 100.0, "up") is None  # twice on one day
    assert usual(two, noon, 100.0, "down") is None
    assert usual(two, noon, 130.0, "up") is None
    assert usual(two, noon + 6 * HOUR, 100.0, "up") is None
    assert usual(two, noon + 5 * DAY, 100.0, "up") is None
    assert usual((at(0, 9, direction="none"), at(1, 9, direction="none")), noon, 100.0, "none") is None


def test_a_usual_episode_goes_on_and_is_kept_once():
    start = START + 2 * DAY + 9 * HOUR
    episodes = tuple(Episode(start - days * DAY, start - days * DAY + HOUR, "up", 20.0, 100.0) for days in (2, 1))
    for minutes in range(0, 600, 10):
        found = usual(episodes, start + 60 * minutes, 90.0, "up")
        assert found is not None
        episodes = with_episode(episodes, found)
    assert len(episodes) == 3
    assert episodes[-1].end == start + 590 * 60
    assert usual(episodes, start + 12 * HOUR, 90.0, "up") is None
