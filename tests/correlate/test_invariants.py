"""What must hold for any input: above all that the interleaving of the detect tasks changes nothing (law 6)."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.alerts import Dependencies, Watermark, utc
from floodmark.correlate.stage import CorrelateStage

from .making import DAILY, SHOP, T0, act, change, closed, conf, mark, opened, run, updated, wrongs

ENTITIES = ["frontend", "checkout", "payment", "cart", "redis", "search", "far"]
HELD = ("tasks", "changes", "timers", "dependencies")
"""What may remain when all incidents are over."""
ENDS = ("resolved", "merged")
CONFS = [
    {},
    {"gap": 30, "grace": 50, "lifetime": 250},
    {"labels": ["region"], "hops": 2, "false_incidents": DAILY},
    {"false_incidents": DAILY / 7},
    {"open_incidents": 2, "members": 1, "grace": 40},
    {"open_incidents": 1, "gap": 60, "false_incidents": 5 * DAILY},
]


@st.composite
def anomalies(draw):
    """An anomaly's messages: opened, some delay after its onset, and perhaps closed."""
    onset = draw(st.integers(0, 900))
    told = onset + draw(st.integers(0, 150))
    first = opened(
        onset,
        draw(st.sampled_from(ENTITIES)),
        draw(st.sampled_from(["latency", "cpu", "errors"])),
        told=told,
        p=draw(st.sampled_from([1e-4, 1e-6, 1e-9])),
        head=draw(st.sampled_from(["forecast", "forecast", "drift", "stale", "limit"])),
        direction=draw(st.sampled_from(["up", "down"])),
        worse=draw(st.sampled_from(["both", "up"])),
        severity=draw(st.sampled_from(["warning", "warning", "error"])),
        scope=draw(st.sampled_from(["default", "eu"])),
        labels={"region": draw(st.sampled_from(["a", "b"]))},
    )
    messages = [(told, first)]
    returns = 0
    for after in draw(st.lists(st.sampled_from([30, 130, 400, 2000]), max_size=3)):
        told = messages[-1][0] + after
        returns += draw(st.integers(0, 1))
        messages.append((told, updated(first, told, returns=returns, p_value=draw(st.sampled_from([1e-4, 1e-12])))))
    if draw(st.booleans()):
        end = onset + draw(st.integers(0, 300))
        said = max(messages[-1][0], end) + draw(st.integers(0, 50))
        messages.append((said, closed(first, end, told=said, returns=returns)))
    return messages


@st.composite
def sources(draw):
    """The streams of up to four detect tasks, each in order, with watermarks that it keeps, and at last a far one."""
    number = draw(st.integers(1, 4))
    streams = []
    seen = set()
    for task in range(number):
        timed = []
        for messages in draw(st.lists(anomalies(), max_size=10)):
            if messages[0][1].id in seen:
                continue
            seen.add(messages[0][1].id)
            timed += messages
        for at in draw(st.lists(st.integers(0, 900), max_size=2)):
            notice = change(at + task / 10, draw(st.sampled_from(ENTITIES)))
            timed.append((at + task / 10, notice))
        for at in draw(st.lists(st.sampled_from([0, 100, 500, 90_000]), max_size=2)):
            pairs = draw(st.lists(st.tuples(st.sampled_from(ENTITIES), st.sampled_from(ENTITIES)), max_size=3))
            timed.append((at, Dependencies(task=f"metrics/{task}", time=utc(T0 + at), calls=pairs)))
        timed.sort(key=lambda entry: entry[0])
        stream = []
        for told, item in timed:
            if draw(st.booleans()):
                stream.append(mark(told, f"metrics/{task}", number))
            stream.append(item)
        stream.append(mark(10**5, f"metrics/{task}", number))
        streams.append(stream)
    return streams


@st.composite
def doings(draw, streams, how, services):
    """What people do to the incidents that come of the streams: a stream of its own, each action before its time."""
    found = {i.id: i for i in run(CorrelateStage(conf(**how), services), [i for stream in streams for i in stream])}
    known = [*found, "inc-unknown"]
    actions = []
    for number in range(draw(st.integers(1, 8))):
        incident, other = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        members = [member.id for member in found[incident].members] if incident in found else ["ano-x"]
        verb = draw(st.sampled_from(["resolve", "reopen", "merge", "split", "dismiss", "shelve"]))
        args = {
            "merge": {"into_it": [other]},
            "split": {"anomalies": members[1:] or members},
            "dismiss": {"anomalies": draw(st.sampled_from([[], members[:1], members[-1:]]))},
        }.get(verb, {})
        begun = found[incident].updated_at.timestamp() - T0 if incident in found else 0
        at = draw(st.sampled_from([0, 60, 150, 900, begun - 100, begun - 1, begun + 0.001, begun + 100]))
        scope = draw(st.sampled_from(["", found[incident].scope if incident in found else "eu"]))
        actions.append((at, act(verb, incident, at, id=f"act-{number}", scope=scope, **args)))
        if draw(st.booleans()):
            actions.append(actions[-1])  # a record that comes twice
    return [action for _, action in sorted(actions, key=lambda each: each[0])]


@st.composite
def worlds(draw):
    """The streams, what people do, how it is configured, and the topology."""
    streams, how, services = draw(sources()), draw(st.sampled_from(CONFS)), draw(st.sampled_from([SHOP, {}]))
    return streams, draw(doings(streams, how, services)), how, services


def come(stage, items):
    """What a stage says of items: revisions, and what has come of actions."""
    return run(stage, items), stage.outcomes()


def interleaved(streams, choose):
    left = [list(stream) for stream in streams]
    while any(left):
        waiting = [stream for stream in left if stream]
        yield waiting[choose(len(waiting))].pop(0)


@settings(max_examples=150)
@given(sources(), st.sampled_from(CONFS), st.sampled_from([SHOP, {}]), st.randoms(use_true_random=False))
def test_interleaving_changes_no_revision(streams, how, services, random):
    one_by_one = [item for stream in streams for item in stream]
    expected = run(CorrelateStage(conf(**how), services), one_by_one)
    for _ in range(3):
        mixed = list(interleaved(streams, random.randrange))
        assert run(CorrelateStage(conf(**how), services), mixed) == expected


@settings(max_examples=150)
@given(sources(), st.sampled_from(CONFS), st.sampled_from([SHOP, {}]))
def test_lives_are_sound_and_nothing_is_lost(streams, how, services):
    stage = CorrelateStage(conf(**how), services)
    items = [item for stream in streams for item in stream]
    got = run(stage, items)
    assert wrongs(got) == {}
    assert stage.counts()["late:anomalies"] == 0
    longest = conf(**how).lifetime
    for incident in got:
        assert incident.title
        assert incident.why.endswith(".")
        assert incident.causes
        assert all(member.why for member in incident.members)
        assert (incident.event == "resolved") == bool(incident.resolution)
    # Every anomaly is a member, flapped into one, was held back, or is beyond a bound.
    assert stage.sizes()["anomalies"] == stage.sizes()["open_incidents"] == stage.sizes()["candidates"] == 0
    made_room = {i.id for i in got if i.resolution.startswith("evicted")}
    for opening in (i for i in got if i.event in ("opened", "reopened")):
        end = next(i for i in got if i.id == opening.id and i.revision > opening.revision and i.event in ENDS)
        assert end.updated_at > opening.updated_at or end.event == "merged" or opening.id in made_room
    assert all(
        (incident.updated_at - incident.started_at).total_seconds() <= longest + 350  # told late, at most
        for incident in got
        if incident.event == "resolved"
    )


@settings(max_examples=100)
@given(sources(), st.sampled_from(CONFS), st.randoms(use_true_random=False))
def test_disorder_breaks_no_life(streams, how, random):
    """Late, early, repeated and out of order: lives stay sound, whatever the incidents are."""
    items = [item for stream in streams for item in stream] * 2
    random.shuffle(items)
    stage = CorrelateStage(conf(**how), SHOP, buffer=5)
    got = run(stage, items) + stage.finish()
    found = wrongs(got)
    found.pop(
        "opened as it resolved", None
    )  # late items are of one moment, and what one has opened is told by the next
    if stage.counts()["watermarks:healed"]:  # event time itself went back, by a day
        found.pop("time went back", None)
    assert found == {}
    assert all(size == 0 for name, size in stage.sizes().items() if name not in HELD)


@settings(max_examples=75)
@given(sources(), st.sampled_from(CONFS), st.integers(0, 100), st.sampled_from([SHOP, {}]))
def test_a_snapshot_in_the_middle_changes_nothing(streams, how, middle, services):
    items = [item for stream in streams for item in stream]
    whole, part = CorrelateStage(conf(**how), services), CorrelateStage(conf(**how), services)
    want = run(whole, items)
    got = run(part, items[:middle])
    rest = CorrelateStage(conf(**how), services)
    rest.restore(part.snapshot())
    assert got + run(rest, items[middle:]) == want
    assert rest.snapshot() == whole.snapshot()


@settings(max_examples=100)
@given(sources())
def test_the_end_of_the_input_is_a_far_watermark(streams):
    items = [item for stream in streams for item in stream[:-1]]
    last = [stream[-1] for stream in streams]
    ending, waiting = CorrelateStage(conf(), SHOP), CorrelateStage(conf(), SHOP)
    assert run(ending, items) + ending.finish() == run(waiting, items) + run(waiting, last)


@settings(max_examples=100)
@given(worlds(), st.randoms(use_true_random=False))
def test_what_people_do_changes_the_same_in_whatever_interleaving(world, random):
    """As long as an action comes before event time has come to it. It may come at any moment before."""
    streams, actions, how, services = world
    expected = come(CorrelateStage(conf(**how), services), [*actions, *(i for stream in streams for i in stream)])
    for _ in range(3):
        *mixed, last = interleaved(streams, random.randrange)
        places = sorted(random.randrange(len(mixed) + 1) for _ in actions)
        items, left = [], list(actions)
        random.shuffle(left)
        for place, item in enumerate(mixed):
            while places and places[0] <= place:
                places.pop(0)
                items += left[:1]
                del left[:1]
            if isinstance(item, Watermark):  # none is late: what this may pass comes before it
                items += [each for each in left if each.effective < item.time]
                left = [each for each in left if each.effective >= item.time]
            items.append(item)
        stage = CorrelateStage(conf(**how), services)
        assert come(stage, [*items, *left, last]) == expected
        assert stage.counts()["late:actions"] == 0


@settings(max_examples=100)
@given(worlds())
def test_lives_are_sound_whatever_people_do(world):
    streams, actions, how, services = world
    stage = CorrelateStage(conf(**how), services)
    got = run(stage, [*actions, *(item for stream in streams for item in stream)])
    assert wrongs(got) == {}
    assert {each.action for each in stage.outcomes()} <= {action.id for action in actions}
    for incident in got:
        assert incident.title
        assert incident.why.endswith((".", "…"))
        assert incident.causes
        assert (incident.event == "resolved") == bool(incident.resolution)
        assert incident.watermark == incident.updated_at
    assert stage.sizes()["anomalies"] == stage.sizes()["open_incidents"] == stage.sizes()["candidates"] == 0


@settings(max_examples=100)
@given(worlds(), st.randoms(use_true_random=False))
def test_disorder_of_actions_breaks_no_life(world, random):
    """Late ones, without a time, repeated."""
    streams, actions, how, services = world
    some = [msgspec.structs.replace(each, effective=None, id=f"{each.id}-now") for each in actions]
    items = [item for stream in streams for item in stream] + actions + some
    random.shuffle(items)
    stage = CorrelateStage(conf(**how), services, buffer=5)
    got = run(stage, items) + stage.finish()
    found = wrongs(got)
    found.pop(
        "opened as it resolved", None
    )  # late items are of one moment, and what one has opened is told by the next
    if stage.counts()["watermarks:healed"]:
        found.pop("time went back", None)
    assert found == {}
    assert all(size == 0 for name, size in stage.sizes().items() if name not in HELD)


@settings(max_examples=20)
@given(worlds())
def test_a_snapshot_at_every_item_changes_nothing(world):
    streams, actions, how, services = world
    items = [*actions[::2], *(item for stream in streams[:2] for item in stream), *actions[1::2], streams[0][-1]]
    whole, part = CorrelateStage(conf(**how), services), CorrelateStage(conf(**how), services)
    for item in items:
        assert come(part, [item]) == come(whole, [item])
        rest = CorrelateStage(conf(**how), services)
        rest.restore(part.snapshot())
        part = rest
    assert (part.finish(), part.outcomes()) == (whole.finish(), whole.outcomes())


@settings(max_examples=75)
@given(worlds(), st.randoms(use_true_random=False))
def test_a_replay_with_the_moments_at_which_actions_held_says_the_same(world, random):
    """Actions that come at any time, late ones too, against the same ones before all else as of when they held."""
    streams, actions, how, services = world
    items = [item for stream in streams for item in stream]
    first, last = items[:-1], items[-1]
    for each in actions:
        first.insert(
            random.randrange(len(first) + 1), random.choice([each, msgspec.structs.replace(each, effective=None)])
        )
    live = CorrelateStage(conf(**how), services)
    said = come(live, [*first, last])
    held = {each.action: each.applied_at for each in said[1]}
    again = [msgspec.structs.replace(each, effective=held[each.id]) for each in actions if each.id in held]
    replayed = CorrelateStage(conf(**how), services)
    assert come(replayed, [*again, *items]) == said
    assert replayed.counts()["late:actions"] == 0


def test_a_fold_in_the_order_of_arrival_would_differ():
    """What the place in event time is for: were an action done as it comes, interleavings would show."""
    first = opened(0, "payment")
    found = run(CorrelateStage(conf(), SHOP), [first, mark(10**5)])[0].id
    resolve, later = act("resolve", found, 60), opened(50, "payment", "errors")

    def said(*items, arrival):
        stage, out = CorrelateStage(conf(), SHOP), []
        for item in items:
            if arrival and item is resolve:
                stage._lifecycle.act(item, max(stage.order.passed, T0))
                out += stage._lifecycle.revisions()
            else:
                out += stage.process(item)
        return out

    early = (first, mark(20), resolve, later, mark(10**5))
    late = (first, later, mark(55), resolve, mark(10**5))
    assert said(*early, arrival=False) == said(*late, arrival=False)
    assert said(*early, arrival=True) != said(*late, arrival=True)
