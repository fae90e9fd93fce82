import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.logs.tokens import ANY, MOST_TOKENS, VALUE, Shapes, folded, form, place, spots, words
from floodmark.detect.logs.vocabulary import COUNTED, is_state


def shape(body, shapes=None):
    shapes = Shapes() if shapes is None else shapes
    return form([shapes[word] for word in words(folded(body))])


def values(body, shapes, wanted):
    found = spots([shapes[word] for word in words(folded(body))], 0)
    return [place(words(body), *found[4 * i : 4 * i + 4]).text for i in wanted]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Connection from 10.0.0.1:5050 closed", "Connection from <*> closed"),
        ("user=bob uid=1001 rhost=fe80::1", "user=<*> uid=<*> rhost=<*>"),
        ('10.1.1.1 "GET /v2/servers?limit=5&all=True" status: 200', '<*> "GET <*>" status: <*>'),
        ("wrote hdfs://node:9000/a/b in 12 ms", "wrote <*> in <*>"),
        ("estimated size 5.7 KB, free 366.3 MB)", "estimated size <*>, free <*>)"),
        ("sizes [1, 2, 3]", "sizes [<*>]"),
        ("at Sun Jul 17 07:07:00 2005 done", "at <*> done"),
        ("Sun sets in May", "Sun sets in May"),
        ("from 10.0.0.1 ()", "from <*>"),
        ("processor.........................0", "processor.........................<*>"),
        ("took 5 seconds.", "took <*>."),
        ("lifetime <1 sec", "lifetime <*>"),
        ("lifetime 00:02", "lifetime <*>"),
        ("vector<int> of <b>", "vector<int> of <b>"),
        ("mail.example.com:25 closed", "<*> closed"),
        ("mail.example.com closed", "<*> closed"),
        ("org.example.mail.Server closed", "org.example.mail.Server closed"),
        ("sent to a.person@example.com", "sent to <*>"),
        (r"loaded C:\Windows\example.dll", "loaded <*>"),
        ("visible=true, tag=null", "visible=<*>, tag=<*>"),
        ("the answer is true", "the answer is true"),
        ("{visible: false}", "{visible: <*>}"),
        ("session of user alice ended", "session of user <*> ended"),
        ("a user session ended", "a user session ended"),
        ("user created", "user created"),
        ("fans 3000 **** 3100", "fans <*>"),
        ("commit deadbeefcafe by", "commit <*> by"),
        ("read/write error", "read/write error"),
        ("", ""),
        ("   \t ", ""),
    ],
)
def test_values_leave_the_line_and_the_rest_stays_readable(body, text):
    assert shape(body).text() == text


def test_values_are_given_back_raw():
    body = "sizes [1, 2, 3] of blk_-123 took 12 KB"
    tokens = shape(body).tokens
    wanted = [i for i, token in enumerate(tokens) if token == VALUE]
    assert values(body, Shapes(), wanted) == ["1, 2, 3", "blk_-123", "12 KB"]


@given(st.text(max_size=300))
def test_any_text_has_a_form_and_a_raw_text_for_each_token(body):
    shapes = Shapes(size=2)
    line = shape(body, shapes)
    assert len(line.separators) == len(line.tokens) + 1
    raw = values(body, shapes, list(range(len(line.tokens))))
    whole, at = " ".join(words(body)), 0
    for token, text in zip(line.tokens, raw, strict=True):
        assert token in (VALUE, text, COUNTED.get(text))
        at = whole.index(text, at) + len(text)


@given(st.lists(st.text(alphabet="ab1=. ", max_size=12), max_size=40))
def test_a_small_memo_gives_the_same_shapes(lines):
    small = Shapes(size=1)
    large = Shapes()
    for line in lines:
        assert shape(line, small) == shape(line, large)
    assert len(small) <= 1


@pytest.mark.parametrize(
    "body", ["x=" * 30_000, "a:" * 30_000, "1 b " * 20_000, "/" * 60_000, "." * 60_000, "Aa" * 30_000]
)
def test_long_bodies_are_looked_at_in_part(body):
    assert len(shape(body).tokens) <= MOST_TOKENS


def test_the_marks_can_never_be_in_a_word():
    assert words(f"a{VALUE}b{ANY}c\x1fd") == ["a", "b", "c", "d"]


@pytest.mark.parametrize("word", ["started", "Stopped", "SCREEN_ON", "isConnected", "vif-unplugged-failed"])
def test_states_are_told_from_other_words(word):
    assert is_state(word)
    assert not is_state("webmaster")
    assert not is_state("")
