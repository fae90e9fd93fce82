import pytest

from floodmark.correlate.group import Group
from floodmark.correlate.windows import are_one

from .making import T0, conf, symptom


def group(started, last_start):
    """A group whose members began between two times after `T0`."""
    first = symptom(started, "checkout")
    return Group(
        id=f"inc-{started}", scope="default", first=first, started=T0 + started, last_start=T0 + last_start, last_end=0
    )


@pytest.mark.parametrize(
    ("older", "younger", "one"),
    [
        ((0, 50), (100, 100), True),
        ((0, 50), (170, 170), True),  # a gap after the older one's last onset, and no more
        ((0, 50), (171, 171), False),
        ((0, 50), (100, 999), True),
        ((0, 50), (100, 1000), False),  # together they would be as old as no incident may be
        ((0, 950), (940, 1001), False),
    ],
)
def test_two_are_one_within_a_gap_and_below_the_cap(older, younger, one):
    settings = conf(gap=120, cap=1000)
    assert are_one(group(*older), group(*younger), settings) is one
    assert are_one(group(*younger), group(*older), settings) is one
