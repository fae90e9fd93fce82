import os
import subprocess
import sys
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.detect import snapshots
from floodmark.detect.logs import miner as module
from floodmark.detect.logs.lines import Lines
from floodmark.detect.logs.miner import TemplateMiner
from floodmark.detect.logs.parameters import Parameter

NAMES = ["webmaster", "root", "inspur", "oracle", "admin", "guest", "nobody"]

WORDS = st.sampled_from(
    [
        "user",
        "alice",
        "bob",
        "carol",
        "dave",
        "erin",
        "up",
        "down",
        "7",
        "x1",
        "for",
        "(a)",
        "k=v",
        "12:00:01",
        "INFO",
        "|",
    ]
)
LINES = st.lists(st.lists(WORDS, min_size=0, max_size=5).map(" ".join), max_size=60)


def mined(bodies, **options):
    miner = TemplateMiner(**{"similarity": 0.5, "capacity": 100} | options)
    return miner, [miner.match(body) for body in bodies]


def test_lines_that_differ_in_numbers_are_one_template():
    _, (first, second) = mined(["took 5 ms on host-1", "took 17 ms on host-2"])
    assert first.is_new
    assert not second.is_new
    assert second.template is first.template
    assert second.template.text == "took <*> on <*>"
    assert second.parameters == [Parameter("17 ms", "duration"), Parameter("host-2", "id")]


def test_words_become_a_wildcard_once_several_were_seen():
    _, matches = mined(f"Unknown guest {name} from 10.0.0.{i}" for i, name in enumerate(NAMES))
    assert [match.is_new for match in matches] == [True, True, True, False, False, False, False]
    template = matches[-1].template
    assert template.text == "Unknown guest <*> from <*>"
    assert {match.template.current() for match in matches} == {template}
    assert matches[-1].parameters == [Parameter("nobody", "word"), Parameter("10.0.0.6", "ip")]


def test_generalising_keeps_the_id_of_the_oldest():
    _, matches = mined(f"Unknown guest {name} from 10.0.0.1" for name in NAMES)
    assert {match.template.id for match in matches[3:]} == {matches[0].template.id}


def test_one_word_beside_a_digit_bearing_value_is_a_value_too():
    _, matches = mined(["cannot load module x86 here", "cannot load module foo here"])
    assert matches[1].template is matches[0].template.current()
    assert matches[1].parameters == [Parameter("foo", "word")]


@pytest.mark.parametrize(
    "states",
    [
        ["Started", "Stopped", "Paused", "Resumed", "Created", "Deleted"],
        ["up", "down", "enabled", "disabled", "active", "inactive"],
        ["success", "failed", "succeeded", "failure", "ok", "error"],
        ["SCREEN_ON", "SCREEN_OFF", "screen.on", "screen.off", "isOn", "isOff"],
    ],
)
def test_opposites_stay_apart(states):
    _, matches = mined(f"virtual machine {i} is now {state} for good" for i, state in enumerate(states))
    assert len({match.template.current() for match in matches}) == len(states)


def test_a_wildcard_of_words_does_not_swallow_a_state():
    _, matches = mined([*(f"the agent says {name} to us" for name in NAMES), "the agent says stopped to us"])
    assert matches[-1].is_new


def test_short_lines_and_first_words_need_more():
    _, matches = mined(f"Starting {name}" for name in NAMES)
    assert len({match.template.current() for match in matches}) == len(NAMES)
    _, matches = mined(f"{name} was seen by us" for name in NAMES)
    assert len({match.template.current() for match in matches}) == len(NAMES)
    _, matches = mined(f"{a}{b} was seen by us" for a in NAMES for b in NAMES)
    assert matches[-1].template.text == "<*> was seen by us"


def test_similarity_says_how_much_must_agree():
    lines = [f"tell {name} about {name} now" for name in NAMES]
    assert len({match.template.current() for match in mined(lines)[1]}) == 1
    assert len({match.template.current() for match in mined(lines, similarity=0.9)[1]}) == len(NAMES)


def test_the_least_recently_matched_template_goes():
    miner, matches = mined(["alpha one here", "beta two here", "alpha one here", "gamma three here"], capacity=2)
    assert [template.text for template in miner] == ["alpha one here", "gamma three here"]
    assert matches[1].template.forgotten
    assert miner.counts()["evicted:log_template"] == 1
    assert miner.match("alpha one here").is_new is False
    assert miner.match("beta two here").is_new
    assert miner.match("beta two here").template.id == matches[1].template.id


def test_ids_do_not_depend_on_other_lines():
    _, alone = mined(["cache refreshed in 5 ms"])
    _, among = mined(["something else", "cache refreshed in 71 ms"])
    assert alone[0].template.id == among[1].template.id
    assert alone[0].template.id.startswith("tpl-")


@given(LINES, st.integers(1, 8))
def test_matching_never_disagrees_with_training(lines, capacity):
    miner = TemplateMiner(0.5, capacity)
    for line in lines:
        taught = miner.match(line)
        again = miner.match(line)
        assert again.template is taught.template
        assert not again.is_new
        assert len(miner) <= capacity
        living = list(miner)
        assert len({template.id for template in living}) == len(living)
        assert not any(template.forgotten or template.into for template in living)


@given(LINES, st.integers(1, 8))
def test_parameters_fill_the_template(lines, capacity):
    for match in mined(lines, capacity=capacity)[1]:
        assert len(match.parameters) == match.template.text.count("<*>")


@settings(max_examples=60)
@given(LINES, st.integers(1, 8))
def test_memos_change_no_answer(lines, capacity):
    def answers(memos):
        _, matches = mined(lines, capacity=capacity, lines=memos)
        return [(match.template.id, match.is_new, match.template.text) for match in matches]

    full = answers(Lines())
    with mock.patch.object(module, "_REMEMBERED", 1):
        assert answers(Lines(size=1, words=1)) == full


def test_memory_is_bounded_under_a_flood_of_new_lines():
    miner, _ = mined((f"{'a' * (i % 50 + 1)} {'b' * (i % 77 + 1)} {'=' * (i % 7)}" for i in range(3000)), capacity=20)
    assert len(miner) == 20
    assert sum(len(node.templates) for node in miner._nodes.values()) == 20
    assert len(miner._memo) + len(miner._older) <= 2 * module._REMEMBERED


def test_memos_are_bounded_under_a_flood_of_new_words():
    memos = Lines(size=10, words=20)
    mined((f"{'a' * (i % 50 + 1)} k{chr(97 + i % 26) * (i % 77 + 1)}=x" for i in range(3000)), lines=memos)
    assert len(memos) <= 30
    assert len(memos._shapes) <= 20
    assert len(memos._shapes._older) <= 20


def test_ids_are_the_same_in_every_process():
    script = (
        "from floodmark.detect.logs.miner import TemplateMiner\n"
        "m = TemplateMiner(0.5, 50)\n"
        f"for n in {NAMES!r} * 3:\n"
        "    for line in (f'Unknown guest {n} from 1.2.3.4', f'{n} is up', f'say={n}, (x {n})'):\n"
        "        match = m.match(line); print(match.template.id, match.template.text, match.is_new)\n"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "4242")
    }
    assert len(runs) == 1
    assert "Unknown guest <*> from <*>" in runs.pop()


def test_what_only_the_header_tells_apart_is_one_template():
    _, matches = mined(
        [
            "Jun  3 09:00:00 red sshd[77]: session opened for user root",
            "Jun 14 21:10:05 green su[9]: session opened for user root",
            "2024-06-14T21:10:05.123Z INFO [main] org.example.Login: session opened for user alice",
            "session opened for user bob",
        ]
    )
    assert {match.template.text for match in matches} == {"session opened for user <*>"}
    assert matches[1].parameters == [Parameter("root", "word")]


def restored(miner, memos):
    """As a detect task's snapshot does it."""
    written = snapshots.codec(monitored=False).dumps(miner, [("memos", memos)])
    return snapshots.codec(monitored=False).loads(written, {"memos": Lines()})


@settings(max_examples=50)
@given(LINES, LINES, st.integers(1, 8))
def test_a_restart_changes_no_answer(before, after, capacity):
    def answers(miner):
        matches = [miner.match(line) for line in after]
        return [(m.template.id, m.is_new, m.template.text, m.template.lines, m.parameters) for m in matches]

    memos = Lines()
    miner, _ = mined(before, capacity=capacity, lines=memos)
    again = restored(miner, memos)
    assert len(again._memo) == 0
    assert answers(again) == answers(miner)
    assert [template.id for template in again] == [template.id for template in miner]
    assert again.counts() == miner.counts()


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 5))
def test_the_least_recently_used_goes(numbers, capacity):
    """A model: the distinct lines, by last use. Words that differ wholly are never joined."""
    sentences = [f"{chr(97 + i) * 5} {chr(107 + i) * 7}" for i in range(10)]
    miner, used = TemplateMiner(0.5, capacity), []
    for number in numbers:
        match = miner.match(sentences[number])
        assert match.is_new == (sentences[number] not in used)
        used = [*(line for line in used if line != sentences[number]), sentences[number]][-capacity:]
        assert [template.text for template in miner] == used


@given(LINES)
def test_ids_never_change(lines):
    miner = TemplateMiner(0.5, 100)
    ids = {}
    for line in lines:
        template = miner.match(line).template
        ids.setdefault(template, template.id)
    assert all(template.id == first for template, first in ids.items())
    assert len(set(ids.values())) == len(ids)


def test_lines_without_spaces_are_told_apart_by_what_they_say():
    paid = [f"订单{i}支付成功，金额{i}元" for i in range(40)]  # noqa: RUF001
    refused = [f"订单{i}支付失败，余额不足{i}元" for i in range(40)]  # noqa: RUF001
    names = [f"用户{name}登录成功" for name in ("张三", "李四", "王五", "赵六", "钱七", "孙八", "周九", "吴十")]
    _, matches = mined([*paid, *refused, *names])
    assert {match.template.current().text for match in matches} == {
        "订单<*>支付成功，金额<*>元",  # noqa: RUF001
        "订单<*>支付失败，余额不足<*>元",  # noqa: RUF001
        "用户<*>登录成功",
    }


def test_words_with_the_looks_of_names_count_twice():
    _, matches = mined(["the group order-workers has now failed", "the group tax-workers has now failed"])
    assert len({match.template.id for match in matches}) == 1
    _, matches = mined(["the agent says hello to us", "the agent says goodbye to us"])
    assert len({match.template.id for match in matches}) == 2
