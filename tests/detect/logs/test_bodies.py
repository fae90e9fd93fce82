import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.logs.lines import Lines
from floodmark.detect.logs.miner import TemplateMiner
from floodmark.detect.logs.tokens import ANY, VALUE


def mined(body, masks=()):
    match = TemplateMiner(0.5, 10, Lines(masks)).match(body)
    return match.template.text, [tuple(parameter) for parameter in match.parameters]


def test_json_is_its_message_and_the_names_of_its_fields():
    body = {"ts": "2024-01-02T03:04:05Z", "level": "info", "msg": "took 5 ms", "user": "a b", "http": {"code": 200}}
    text = "took <*> user=<*> http.code=<*>"
    assert mined(json.dumps(body)) == (text, [("5 ms", "duration"), ("a b", "list"), ("200", "number")])
    assert mined('{"n": 3, "state": "stopped"}') == ("n=<*> state=stopped", [("3", "number")])
    assert mined('{"log": "Jan  2 03:04:05 red cron[7]: job 12 ran"}') == ("job <*> ran", [("12", "number")])


def test_json_after_words_is_a_sentence_too():
    body = '2024-01-02 03:04:05,678 INFO [main] app.Shop - order placed {"id": "a b", "items": 7, "state": "started"}'
    assert mined(body) == ("order placed id=<*> items=<*> state=started", [("a b", "list"), ("7", "number")])
    assert mined('cart-1 | {"level": "info", "msg": "took 5 ms"}')[0] == "cart-<*> | took <*>".replace(
        "cart-<*>", "<*>"
    )
    assert mined("{x} took {y}")[0] == "{x} took {y}"
    assert mined("if (a) {}")[0] == "if (a)"


def test_logfmt_is_its_message_and_the_names_of_its_fields():
    body = 'time=2024-01-02T03:04:05Z level=warn msg="took \\"long\\", 5 ms" path=/a/b empty='
    assert mined(body) == (
        'took "<*>", <*> path=<*> empty=<*>',
        [("long", "quoted"), ("5 ms", "duration"), ("/a/b", "path"), ("", "empty")],
    )


@pytest.mark.parametrize(
    "body",
    [
        '{"broken": ',
        "{not json}",
        "[1]",
        "uid=0 ruser= rhost=x",
        "a=1,b=2",
        "{",
        "x=",
        "=",
        "{}",
        "a {b}",
        "a {",
        "a\n{}",
    ],
)
def test_what_is_neither_is_a_sentence(body):
    text, parameters = mined(body)
    assert text.count("<*>") == len(parameters)


def test_only_the_first_line_is_mined():
    assert mined("\n job 12 failed\n\tat org.example.Job.run(Job.java:5)\n")[0] == "job <*> failed"
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: bad id 12\n'
    assert mined(trace)[0] == "ValueError: bad id <*>"


def test_masks_name_what_does_not_look_like_a_value():
    masks = [("customer", "Acme|Globex Corp"), ("tag", r"tag=\S+")]
    text, parameters = mined("order 12 of Globex Corp was lost (tag=red), not Acme", masks)
    assert text == "order <*> of <*> was lost (<*> not <*>"
    assert parameters == [
        ("12", "number"),
        ("Globex Corp", "customer"),
        ("tag=red),", "tag"),
        ("Acme", "customer"),
    ]
    assert mined('{"msg": "lost by Acme", "to": "Acme"}', masks) == (
        "lost by <*> to=<*>",
        [("Acme", "customer"), ("Acme", "word")],
    )


def test_the_slot_in_a_line_of_somebody_is_harmless():
    text, parameters = mined("a \ue000 b \ue000c took 5 ms", [("x", "took")])
    assert text.count("<*>") == len(parameters)
    assert ("took", "x") in mined("a \ue000 b took c", [("x", "took")])[1]


BODIES = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from(
            ["7", "a=b", "level=info", 'msg="x y"', "{", "}", "Acme", "|", "[x]", "\n", "\ue000", "12:00:01", "- "]
        )
    ).map(" ".join),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=8,
    ).map(json.dumps),
    st.tuples(st.text(max_size=8), st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=4)).map(
        lambda said: said[0] + json.dumps(said[1])
    ),
)


@pytest.mark.parametrize(
    "body", ["a \ud800 b 5", '{"msg": "\\ud800 5"}', "\ud800", "\u0665 of \u00e9", "\x00", "\x1e\x1f"]
)
def test_odd_characters_are_harmless(body):
    text, parameters = mined(body)
    text.encode()
    assert text.count("<*>") == len(parameters)


@given(BODIES, st.booleans())
def test_any_body_has_a_template_and_as_many_parameters_as_places(body, masked):
    lines = Lines([("customer", "Acme"), ("seven", "7")] if masked else [])
    match = TemplateMiner(0.5, 10, lines).match(body)
    assert len(match.parameters) == sum(token in (VALUE, ANY) for token in match.template.form.tokens)
    assert match.template.form == lines.of(body).form
