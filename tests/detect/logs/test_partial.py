from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.logs.partial import PartialLines
from floodmark.signals import Log


def piece(body, *, partial=True, time=0.0, pod="a", stream="stdout", severity=""):
    return Log(time, body, severity, {"pod": pod}, {"stream": stream}, partial=partial)


def test_pieces_of_one_stream_are_one_line_at_the_time_of_the_first():
    lines = PartialLines(10, 100)
    assert lines.take(piece("he", time=1.0)) == []
    assert lines.take(piece("l", time=1.1, severity="ERROR")) == []
    whole = lines.take(piece("lo", partial=False, time=1.2))
    assert whole == [piece("hello", partial=False, time=1.0, severity="ERROR")]
    assert lines.counts() == {"joined_lines": 1}
    assert len(lines) == 0


def test_streams_and_pods_do_not_mix():
    lines = PartialLines(10, 100)
    lines.take(piece("a"))
    lines.take(piece("b", stream="stderr"))
    lines.take(piece("c", pod="b"))
    assert [line.body for line in lines.take(piece("x", partial=False, stream="stderr"))] == ["bx"]
    assert [line.body for line in lines.take(piece("y", partial=False))] == ["ay"]


def test_a_line_that_never_ends_is_told_as_far_as_it_goes():
    lines = PartialLines(1, 100)
    lines.take(piece("a", time=5.0))
    assert lines.expire(5.0) == []
    assert lines.expire(5.1) == [piece("a", time=5.0, partial=False)]
    lines.take(piece("b"))
    assert [line.body for line in lines.take(piece("c", pod="b"))] == ["b"]  # no room
    assert lines.counts()["unfinished_lines"] == 2


def test_an_endless_line_is_cut():
    lines = PartialLines(1, 10)
    for _ in range(100):
        lines.take(piece("xyz"))
    assert [line.body for line in lines.take(piece("end", partial=False))] == ["xyzxyzxyzx"]
    assert lines.counts()["body_cut"] == 98


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.text(max_size=3))))
def test_no_text_is_lost(pieces):
    lines = PartialLines(1, 10_000)
    out = []
    for pod, partial, body in pieces:
        out += lines.take(piece(body, partial=partial, pod=pod))
    out += lines.expire(1.0)
    for pod in "ab":
        given_text = "".join(body for at, _, body in pieces if at == pod)
        assert "".join(line.body for line in out if line.labels["pod"] == pod) == given_text
    assert not any(line.partial for line in out)
