import string
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.gateway import Source, SourceKind
from floodmark.gateway.signatures import ONLY_SIGNED, Accepted, Refusal, verify

from . import signing
from .signing import NOW, OLD, OVER_BODY, SECRET, SHOWING, SIGNED, TIMED

BODY = b'{"object_kind": "deployment", "status": "success"}'
ALL = [*SIGNED, *SHOWING]


def source(kind, **more):
    given = {"secret": SECRET, "username": "floodmark", "header": "X-Floodmark-Key"} | more
    return Source(kind=kind, topic="t", **given)


def test_every_kind_has_a_way_that_is_tried_here():
    assert {kind for kind, _ in ALL} == set(get_args(SourceKind))
    assert {kind for kind, _ in SIGNED} - {kind for kind, _ in SHOWING} == ONLY_SIGNED


@pytest.mark.parametrize(("kind", "way"), ALL)
def test_what_is_right_is_accepted(kind, way):
    assert isinstance(verify(source(kind), way(SECRET, BODY, NOW), BODY, NOW), Accepted)


@pytest.mark.parametrize(("kind", "way"), ALL)
def test_the_secret_before_is_accepted_while_it_is_named(kind, way):
    headers = way(OLD, BODY, NOW)
    assert isinstance(verify(source(kind, previous=OLD), headers, BODY, NOW), Accepted)
    assert verify(source(kind), headers, BODY, NOW).reason == "forged"


@pytest.mark.parametrize(("kind", "way"), ALL)
def test_another_secret_is_forged_and_nothing_is_unproven(kind, way):
    assert verify(source(kind), way("somebody else's", BODY, NOW), BODY, NOW).reason == "forged"
    found = verify(source(kind), {"content-type": "application/json"}, BODY, NOW)
    assert found.reason == "unproven"
    assert any(name.removesuffix("-256") in found.words for name in way(SECRET, BODY, NOW))


@pytest.mark.parametrize(("kind", "way"), OVER_BODY)
def test_another_body_is_forged(kind, way):
    headers = way(SECRET, BODY, NOW)
    assert verify(source(kind), headers, BODY + b" ", NOW).reason == "forged"


@pytest.mark.parametrize(("kind", "way"), TIMED)
def test_what_is_late_or_from_the_future_is_refused(kind, way):
    headers = way(SECRET, BODY, NOW)
    for off in (-300, 0, 300):
        assert isinstance(verify(source(kind), headers, BODY, NOW + off), Accepted)
    for off in (-301, 301, 10**9):
        assert verify(source(kind), headers, BODY, NOW + off).reason == "late"
    assert verify(source(kind, tolerance=20), headers, BODY, NOW + 21).reason == "late"


@pytest.mark.parametrize(("kind", "way"), TIMED)
def test_the_time_is_signed_too(kind, way):
    headers = way(SECRET, BODY, NOW - 1000)
    name = next(name for name in headers if name.endswith("timestamp"))
    assert verify(source(kind), headers | {name: str(NOW)}, BODY, NOW).reason == "forged"
    without = {key: value for key, value in headers.items() if key != name}
    assert isinstance(verify(source(kind), without, BODY, NOW), Refusal)


def test_what_is_late_stays_refused_though_a_token_is_right():
    headers = signing.standard(SECRET, BODY, NOW - 1000) | signing.bearer(SECRET, BODY, NOW)
    assert verify(source("generic"), headers, BODY, NOW).reason == "late"


def test_one_proof_is_enough_where_the_other_is_of_a_secret_that_we_were_not_told():
    headers = signing.wandb("a second secret", BODY, NOW) | signing.bearer(SECRET, BODY, NOW)
    assert verify(source("wandb"), headers, BODY, NOW) == Accepted("token", "")


def test_milliseconds_are_seconds():
    headers = signing.mlflow(SECRET, BODY, NOW * 1000)
    assert isinstance(verify(source("mlflow"), headers, BODY, NOW), Accepted)


@pytest.mark.parametrize("kind", ["generic", "gitlab"])
def test_the_key_may_be_written_as_standard_webhooks_do(kind):
    secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    headers = signing.standard(secret, BODY, NOW)
    found = verify(source(kind, secret=secret), headers, BODY, NOW)
    assert isinstance(found, Accepted)
    assert found.by == "signature"
    assert verify(source(kind, secret=secret), headers, BODY + b"x", NOW).reason == "forged"
    assert isinstance(verify(source(kind, secret="whsec_no base64"), headers, BODY, NOW), Refusal)


def test_a_signing_token_of_gitlab_that_we_were_not_told_says_nothing():
    headers = signing.gitlab(SECRET, BODY, NOW) | signing.standard("whsec_AAAA", BODY, NOW)
    assert isinstance(verify(source("gitlab"), headers, BODY, NOW), Accepted)


def test_basic_needs_a_user_name_in_the_config_and_that_one():
    headers = signing.basic(SECRET, BODY, NOW)
    assert verify(source("kibana", username=None), headers, BODY, NOW).reason == "unproven"
    assert verify(source("kibana", username="other"), headers, BODY, NOW).reason == "forged"


def test_what_is_open_is_accepted_and_an_empty_secret_is_nobodys():
    assert verify(Source(kind="docker", topic="t", open=True), {}, BODY, NOW).by == "open"
    for headers in ({"authorization": "Bearer "}, {"authorization": "Bearer"}, {}):
        assert isinstance(verify(Source(kind="docker", topic="t", secret=""), headers, BODY, NOW), Refusal)
        assert isinstance(verify(Source(kind="docker", topic="t"), headers, BODY, NOW), Refusal)


@pytest.mark.parametrize(("kind", "way"), SIGNED)
def test_what_is_sent_again_has_the_same_id_and_another_body_another_one(kind, way):
    def id_of(body, now):
        return verify(source(kind), way(SECRET, body, now), body, NOW).id

    assert id_of(BODY, NOW) == id_of(BODY, NOW)
    if way in (signing.gitlab, signing.mlflow, signing.standard):  # its id says so, whenever it is tried again
        assert id_of(BODY, NOW) == id_of(BODY, NOW + 5) != ""
    elif kind == "wandb":
        assert id_of(BODY, NOW) == ""
    else:
        assert id_of(BODY, NOW) != id_of(BODY + b"x", NOW)


@given(st.data())
def test_any_bit_that_is_another_one_is_refused(data):
    kind, way = data.draw(st.sampled_from(OVER_BODY))
    body = data.draw(st.binary(min_size=1, max_size=60))
    headers = way(SECRET, body, NOW)
    assert isinstance(verify(source(kind), headers, body, NOW), Accepted)
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    other = bytearray(body)
    other[bit // 8] ^= 1 << bit % 8
    assert isinstance(verify(source(kind), headers, bytes(other), NOW), Refusal)


@given(st.data())
def test_any_character_of_a_proof_that_is_another_one_is_refused(data):
    kind, way = data.draw(st.sampled_from(ALL))
    headers = way(SECRET, BODY, NOW)
    proof = next(
        name
        for name in headers
        if "signature" in name or "token" in name or name in ("authorization", "x-floodmark-key")
    )
    value = headers[proof]
    if "," in value or " " in value:  # only the part that counts
        value = value[value.rindex("," if "," in value else " ") :]
    place = len(headers[proof]) - len(value) + data.draw(st.integers(1, len(value) - 1))
    letter = data.draw(st.sampled_from(string.ascii_letters + string.digits))
    changed = headers[proof][:place] + letter + headers[proof][place + 1 :]
    found = verify(source(kind), headers | {proof: changed}, BODY, NOW)
    same = changed.lower() == headers[proof].lower() and "=" not in headers[proof][-4:]  # hex has no case
    assert isinstance(found, Refusal) or changed == headers[proof] or same


@given(
    st.sampled_from(sorted(get_args(SourceKind))),
    st.dictionaries(st.sampled_from(sorted({name for kind, way in ALL for name in way(SECRET, BODY, NOW)})), st.text()),
    st.binary(),
    st.one_of(st.none(), st.text()),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_nothing_is_raised_and_no_secret_is_said(kind, headers, body, secret, now):
    found = verify(source(kind, secret=secret, previous=OLD), headers, body, now)
    if isinstance(found, Refusal):
        assert OLD not in found.words
        assert all(value not in found.words for value in headers.values() if len(value) > 12)
