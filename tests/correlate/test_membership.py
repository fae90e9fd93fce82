from floodmark.correlate.group import Group
from floodmark.correlate.membership import Membership

from .making import T0, symptom


def filled(members, name, count):
    """A group that `count` series have joined."""
    symptoms = [symptom(number, name, f"series_{number}") for number in range(count)]
    group = Group(id=f"inc-{name}", scope="default", first=symptoms[0], started=T0, last_start=T0, last_end=T0)
    for each in symptoms:
        members.add(group, each)
    return group


def test_a_merge_loses_none_of_those_that_are_counted_and_not_kept():
    members = Membership(3)
    one, other = filled(members, "cart", 2), filled(members, "bank", 5)
    assert (other.member_count, len(other.symptoms), members.beyond) == (5, 3, 2)
    members.move(other, one)
    assert one.member_count == 7
    assert len(one.symptoms) == 3


def test_a_series_of_both_is_one_member_after_a_merge():
    members = Membership(3)
    one, other = filled(members, "cart", 2), filled(members, "cart", 2)
    members.move(other, one)
    assert (one.member_count, len(one.symptoms)) == (2, 2)
