"""What an incident tells, and when: severity, changes, members. What opens one is no question here."""

from floodmark.config.models import Service
from floodmark.correlate.changes import ATTACHED
from floodmark.correlate.stage import CorrelateStage

from .making import SHOP, T0, change, closed, conf, events, mark, opened, run

FAR = 10**6


def outcome(*items, services=SHOP, **more):
    return run(CorrelateStage(conf(**more), services), [*items, mark(FAR)])


def test_breadth_raises_severity():
    services = {f"s{i}": Service(depends_on=["hub"]) for i in range(6)}

    def worst(names, **more):
        items = [opened(i, name, **more) for i, name in enumerate(names)]
        return outcome(*items, services=services, hops=2)[-1].severity

    assert worst(["s0", "s1"]) == "warning"
    assert worst(["s0", "s1", "s2"]) == "error"
    assert worst([f"s{i}" for i in range(6)]) == "error"
    assert worst([f"s{i}" for i in range(6)], severity="error") == "critical"


def test_the_title_names_the_lead_and_is_short():
    got = outcome(opened(0, "payment", "error_rate", p=1e-9), opened(0, "payment", "latency_seconds", p=1e-8))
    assert got[-1].title.startswith("payment: ")
    assert len(outcome(opened(0, "p" * 1000, "n" * 1000))[0].title) <= 120


def test_why_says_how_they_are_connected():
    assert "checkout depends on payment" in outcome(opened(0, "payment"), opened(30, "checkout", "errors"))[-1].why


def test_changes_of_members_and_their_dependencies_are_attached():
    mine, theirs, old, foreign = (
        change(-60, "checkout"),
        change(-30, "payment"),
        change(-1801, "cart"),
        change(0, "search"),
    )
    got = outcome(mine, theirs, old, foreign, change(0, "checkout", scope="eu"), opened(0, "checkout"))
    assert got[0].changes == [mine, theirs]
    assert got[0].causes[0].change == mine.id


def test_a_change_without_scope_is_of_all_scopes():
    everywhere = change(-60, "checkout", scope="")
    got = outcome(everywhere, opened(0), opened(1, scope="eu"))
    assert [i.changes for i in got if i.event == "opened"] == [[everywhere], [everywhere]]


def test_a_late_change_that_explains_is_news():
    late = change(-60, "checkout", scope="")
    a, b = opened(0, "payment"), opened(30, "checkout", "heap_used")
    got = run(CorrelateStage(conf(), SHOP), [a, b, mark(100), late, mark(FAR)])
    assert events(got) == ["opened", "updated", "updated", "resolved"]
    assert (got[2].causes[0].entity, got[2].causes[0].change) == ("checkout", late.id)


def test_a_change_during_an_incident_is_attached_without_a_revision_of_its_own():
    a = opened(0, "checkout")
    during = change(50, "checkout", "rollback")
    got = outcome(a, during, closed(a, 100), change(5000, "checkout"))
    assert events(got) == ["opened", "resolved"]
    assert got[1].changes == [during]


def test_attached_changes_are_bounded():
    got = outcome(*(change(-i, "checkout") for i in range(1, 60)), opened(0))
    assert len(got[0].changes) == ATTACHED
    assert (got[0].changes[-1].time.timestamp() - T0) == -1


def test_the_message_lists_the_most_telling_members_and_counts_all():
    items = [opened(0, "payment", f"m{i}", p=1e-4 / (i + 1)) for i in range(30)]
    got = outcome(*items, members=3)
    assert got[0].member_count == 30
    assert len(got[0].members) == 3


def test_members_that_come_one_by_one_are_told_together():
    got = outcome(*(opened(i, "payment", f"m{i}") for i in range(10)))
    assert events(got) == ["opened", "updated", "resolved"]
    assert got[1].member_count == 10


def test_what_is_worse_is_told_at_once():
    got = outcome(opened(0, "payment"), opened(1, "payment", "errors", severity="critical"))
    assert [(i.event, i.updated_at.timestamp() - T0) for i in got[:2]] == [("opened", 0), ("updated", 1)]
