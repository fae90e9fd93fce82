"""Graphs come back as they were, identity and all. What is not listed is refused; damage only raises StateError."""

import gc
import math
import random
import struct
import sys
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from river import drift, metrics, stats

from floodmark.detect import snapshots
from floodmark.state import Codec, Form, StateError, classes_in


class Slotted:
    __slots__ = ("__hidden", "a", "b")

    def __init__(self, a: object) -> None:
        raise AssertionError("never called: rebuilding runs no code of the class")

    @classmethod
    def of(cls, a: object = None, b: object = None) -> "Slotted":
        made = cls.__new__(cls)
        made.a, made.b, made.__hidden = a, b, "mine"
        return made

    def hidden(self) -> object:
        return self.__hidden

    def __setattr__(self, name: str, value: object) -> None:
        assert gc  # the test's own objects are set here; a rebuilt one must not be
        object.__setattr__(self, name, value)

    def __reduce__(self) -> str:
        raise AssertionError("never called")


class Both(Slotted):
    def __init__(self) -> None:
        raise AssertionError("never called")


class Pair(NamedTuple):
    left: object
    right: object


class Frozen(msgspec.Struct, frozen=True, gc=False):
    name: str
    value: float | None = None


class Open(msgspec.Struct, kw_only=True):
    me: object
    parts: list[object]


class Unlisted:
    pass


CODEC = Codec([Slotted, Both, Pair, Frozen, Open])


def again(value: object, codec: Codec = CODEC) -> object:
    data = codec.dumps(value)
    made = codec.loads(data)
    assert codec.dumps(made) == data
    return made


def bits(x: float) -> bytes:
    return struct.pack("d", x)


keys = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.tuples(st.integers(), st.text()))
atoms = st.one_of(
    keys,
    st.floats(),
    st.characters(categories=["Cs"]),
    st.datetimes(timezones=st.sampled_from([None, UTC])),
    st.frozensets(st.integers()),
)
graphs = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(keys, inner),
        st.dictionaries(keys, inner).map(OrderedDict),
        st.lists(inner).map(lambda x: deque(x, 3)),
        st.sets(st.integers()),
        st.builds(Pair, inner, inner),
        st.builds(Frozen, st.text(), st.floats()),
        st.builds(Slotted.of, inner, inner),
        st.builds(lambda me, parts: Open(me=me, parts=parts), inner, st.lists(inner)),
    ),
    max_leaves=25,
)


def same(a: object, b: object) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and isinstance(b, float):
        return bits(a) == bits(b)
    if isinstance(a, Slotted) and isinstance(b, Slotted):
        return same(a.a, b.a) and same(a.b, b.b) and a.hidden() == b.hidden()
    if isinstance(a, msgspec.Struct):
        return all(same(getattr(a, f), getattr(b, f)) for f in a.__struct_fields__)
    if isinstance(a, dict) and isinstance(b, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, deque) and isinstance(b, deque):
        return a.maxlen == b.maxlen and same(list(a), list(b))
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@given(graphs)
@example(frozenset({-11944660910561296374, -11529215046068469687}))
def test_a_graph_comes_back_as_it_was(graph: object) -> None:
    assert same(again(graph), graph)


@pytest.mark.parametrize("x", [math.inf, -math.inf, -0.0, 5e-324, struct.unpack("d", b"\1\2\3\4\5\6\xf8\x7f")[0]])
def test_floats_keep_every_bit(x: float) -> None:
    made = again([x, [x, None], {"k": x}])
    assert bits(made[0]) == bits(made[1][0]) == bits(made[2]["k"]) == bits(x)  # type: ignore[index]


@pytest.mark.parametrize("n", [0, -1, 255, 256, 2**31, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**80])
def test_integers_of_any_size(n: int) -> None:
    assert again([n, (n, n + 1), {n: n}, [n, 1.5]]) == [n, (n, n + 1), {n: n}, [n, 1.5]]


def test_what_is_one_object_stays_one() -> None:
    shared, pair = [1], Pair([], ())
    a = Slotted.of(shared, pair)
    a_again, b_again, mapping = again([a, Slotted.of(shared, pair), {"x": shared, "a": a}])  # type: ignore[misc]
    assert a_again.a is b_again.a is mapping["x"]
    assert a_again.b is b_again.b
    assert mapping["a"] is a_again


def test_cycles() -> None:
    a = Slotted.of()
    a.a, a.b = a, (a, [a])
    o = Open(me=None, parts=[])
    o.me, o.parts = o, [(o,)]
    loop: list[object] = [a, o]
    loop.append(loop)
    made = again(loop)
    assert made[2] is made  # type: ignore[index]
    assert made[0].a is made[0].b[0] is made[0].b[1][0] is made[0]  # type: ignore[index]
    assert made[1].me is made[1].parts[0][0] is made[1]  # type: ignore[index]


def test_a_chain_may_be_deep_and_tuples_may_not() -> None:
    chain: object = None
    for _ in range(5_000):
        chain = Slotted.of(chain)
    made = CODEC.loads(CODEC.dumps(chain))
    depth = 0
    while made is not None:
        made, depth = made.a, depth + 1
    assert depth == 5_000
    nest: object = ()
    for _ in range(100):
        nest = (nest,)
    with pytest.raises(StateError, match="nested"):
        CODEC.dumps(nest)


def test_slots_that_were_never_set_stay_so() -> None:
    bare, full = Slotted.__new__(Slotted), Slotted.of(1, 2)
    made = again([bare, full])
    assert not hasattr(made[0], "a")  # type: ignore[index]
    assert made[1].a == 1  # type: ignore[index]


def test_slots_beside_a_dict() -> None:
    both = Both.__new__(Both)
    both.a, both.z, both.y = 1, [both], 2  # type: ignore[attr-defined]
    made = again(both)
    assert vars(made) == {"z": [made], "y": 2}
    assert made.a == 1  # type: ignore[attr-defined]


def test_containers_keep_their_kind_and_order() -> None:
    value = [
        OrderedDict([("b", 1), ("a", 2)]),
        Counter("abca"),
        defaultdict(int, {1: 2}),
        defaultdict(partial(tuple, (0, 1))),
        deque([1, 2], maxlen=2),
        {"b": 1, "a": 2},
        frozenset({("x", 1)}),
        {"y", "x"},
    ]
    made = again(value)
    assert made == value
    assert [type(x) for x in made] == [type(x) for x in value]  # type: ignore[attr-defined]
    assert list(made[0]) == ["b", "a"]  # type: ignore[index]
    assert made[2][7] == 0  # type: ignore[index]
    assert made[3][7] == (0, 1)  # type: ignore[index]


@pytest.mark.parametrize(
    "a",
    [
        np.arange(6, dtype="i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(3.5),
        np.zeros((0, 4), "u1"),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.zeros(3, np.dtype([("a", "f4"), ("b", "i8")], align=True)),
        np.arange(10)[::3],
    ],
)
def test_arrays(a: np.ndarray) -> None:
    made = again([a, a])
    assert isinstance(made, list)
    assert made[0] is made[1]
    assert made[0].dtype == a.dtype
    assert np.array_equal(made[0], a)
    made[0][...] = 0  # it is its own and may be written


def test_small_arrays_and_scalars() -> None:
    value = [array("d", [1.5, math.inf]), array("b"), np.float64(0.1), np.int32(-4), np.bool_(True)]
    made = again(value)
    assert made == value
    assert [type(x) for x in made] == [type(x) for x in value]  # type: ignore[attr-defined]


@pytest.mark.parametrize("a", [np.array([object()]), np.array(["x"]), np.array(["2020"], "M8[Y]")])
def test_arrays_of_objects_are_refused(a: np.ndarray) -> None:
    with pytest.raises((StateError, TypeError)):
        CODEC.dumps(a)


def test_random_goes_on() -> None:
    draw = random.Random(3)
    draw.gauss(0, 1)
    made = again(draw)
    assert [made.random(), made.gauss(0, 1)] == [draw.random(), draw.gauss(0, 1)]  # type: ignore[attr-defined]


def test_external_objects_go_by_name() -> None:
    table, other = object(), object()
    data = CODEC.dumps([table, (table,), other], [("table", table), ("other", other)])
    here = object()
    assert CODEC.loads(data, {"table": here, "other": 1}) == [here, (here,), 1]
    assert CODEC.loads(data, {"table": here}, lenient=True) == [here, (here,), None]
    with pytest.raises(StateError, match="other"):
        CODEC.loads(data, {"table": here})


def test_a_form_of_ones_own() -> None:
    codec = Codec([], {Unlisted: Form(lambda value: (value.x, "y"), lambda x, y: [x, y])})
    value = Unlisted()
    value.x = 4  # type: ignore[attr-defined]
    assert codec.loads(codec.dumps([value])) == [[4, "y"]]


@pytest.mark.parametrize(
    "value",
    [
        Unlisted(),
        Unlisted,
        len,
        lambda: None,
        [].append,
        partial(print, 1),
        partial(int, base=3),
        defaultdict(lambda: 1),
        random,
        object(),
        frozenset({Frozen("a")}),
        datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        iter([]),
        type("Text", (str,), {})("x"),
    ],
)
def test_what_is_not_listed_is_refused(value: object) -> None:
    with pytest.raises(StateError):
        CODEC.dumps({"deep": [value]})


def test_bytes_cannot_name_what_is_not_listed() -> None:
    wide, narrow = Codec([Slotted, Frozen, Unlisted]), Codec([Slotted])
    for value in (Frozen("a"), Unlisted(), defaultdict(Unlisted)):
        with pytest.raises(StateError):
            narrow.loads(wide.dumps([value]))


def test_a_class_whose_fields_have_changed_is_refused() -> None:
    def release(*slots: str) -> type:
        return type("Changing", (), {"__slots__": slots, "__module__": __name__, "__qualname__": "Changing"})

    before, after = release("a"), release("a", "b")
    value = before()
    value.a = 1
    with pytest.raises(StateError, match="another release"):
        Codec([after]).loads(Codec([before]).dumps(value))


def test_another_format_is_refused() -> None:
    version, *rest = msgspec.msgpack.decode(CODEC.dumps(1))
    with pytest.raises(StateError, match="format"):
        CODEC.loads(msgspec.msgpack.encode([version + 1, *rest]))


def sample() -> object:
    a = Slotted.of([1, 2.5, "x", None, True], {"k": (1, "y"), ("t", 3): b"z"})
    learned = stats.EWMean(0.1)
    learned.update(3.0)
    mappings = [OrderedDict(z=1), defaultdict(int), Counter("ab")]
    numbers = [np.arange(4.0), array("d", [1]), random.Random(1), 10**30, learned]
    return [
        a,
        Pair(a, Frozen("f", 1.0)),
        deque([1], 4),
        {1, 2},
        mappings,
        numbers,
        datetime(2026, 1, 1, tzinfo=UTC),
        "é" * 10,
    ]


RIVER = Codec([Slotted, Pair, Frozen, *classes_in(sys.modules, "river")], snapshots.forms())
SOUND = RIVER.dumps(sample())


@settings(max_examples=600)
@given(data=st.data())
def test_damaged_bytes_raise_only_state_errors(data: st.DataObject) -> None:
    damaged = bytearray(SOUND)
    kind = data.draw(st.sampled_from(["flip", "cut", "noise", "splice"]))
    if kind == "flip":
        for _ in range(data.draw(st.integers(1, 5))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    elif kind == "cut":
        del damaged[data.draw(st.integers(0, len(damaged) - 1)) :]
    elif kind == "noise":
        damaged = bytearray(data.draw(st.binary(max_size=300)))
    else:
        start = data.draw(st.integers(0, len(damaged)))
        damaged[start:start] = data.draw(st.binary(max_size=20))
    with suppress(StateError):
        RIVER.loads(bytes(damaged))


def forged(*group: object) -> bytes:
    """The bytes of a graph that is None beside one group: kind, name, count, fields, columns, blob."""
    nothing = (b"\0", (0, 1, b""), b"", (0, 1, b""))
    return msgspec.msgpack.encode((1, nothing, [group]))


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd\xff\xff\xff\xff",  # a list of four thousand million
        b"\x91" * 100_000,
        b"\xc6\xff\xff\xff\xff",
        forged("list", "", 10**12, [], [], b""),
        forged("list", "", -1, [], [], b""),
        forged("dict", "Unlisted", 1, [], [], b""),
        forged("object", "builtins.object", 1, [], [], b""),
        forged("ndarray", "|O", 1, [], [], b"12345678"),
        forged("class", "", 1, [], [(b"\x05", (0, 1, b""), b"", (0, 1, b"\0"))], b""),
    ],
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(StateError):
        CODEC.loads(data)


def test_river_in_rust_goes_on() -> None:
    draw = random.Random(5)
    learned = [drift.ADWIN(), stats.EWMean(0.05), stats.EWVar(0.1), stats.Quantile(0.3), stats.RollingQuantile(0.5, 9),
               stats.IQR(), stats.Skew(), stats.Kurtosis(), stats.PeakToPeak()]  # fmt: skip
    auc = metrics.RollingROCAUC(window_size=20)
    for _ in range(200):
        x = draw.random()
        for each in learned:
            each.update(x)
        auc.update(x > 0.4, draw.random())
    made = RIVER.loads(RIVER.dumps([learned, auc]))
    for _ in range(50):
        x, y = draw.random(), draw.random()
        for one, other in zip(made[0], learned, strict=True):
            one.update(x)
            other.update(x)
        made[1].update(x > 0.4, y)
        auc.update(x > 0.4, y)
    assert made[0][0].estimation == learned[0].estimation
    assert [each.get() for each in made[0][1:]] == [each.get() for each in learned[1:]]
    assert made[1].get() == auc.get()
