"""Formats of webhooks and of platforms: they never raise, whatever is changed in a message; several words on one thing
have one id; what is passed over is counted."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.actions import Action
from floodmark.config.formats import CARRIES
from floodmark.config.models import Config, Input, Limits
from floodmark.decode import DECODERS, decoder, input_decoder
from floodmark.decode.auto import told
from floodmark.decode.phases import alert_status_of, grade_of, kind_of, status_of
from floodmark.decode.posted import PostedDecoder
from floodmark.records import Record
from floodmark.signals import Alert, Change, Log

SAMPLES = Path(__file__).parent / "samples"
FORMATS = sorted({f for f, s in DECODERS if f != "native" and isinstance(decoder(s, f, Limits()), PostedDecoder)})
UNTOLD = {"argocd-template", "argocd-time-of-go", "jenkins-own-body", "wandb-run", "docker_event-podman"}
"""Bodies that their users write, or that look like any log: the header of the gateway tells them, or a name."""
CASES = [
    (format, json.loads(path.read_text())["signal"], path.with_suffix(".message").read_bytes(), path.stem)
    for format in FORMATS
    for path in sorted((SAMPLES / format).glob("*.json"))
]
NOW = 1_769_860_805_000
LIMITS = Limits(message=10_000, events=20, body=200, labels=20, label=64, features=20)
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    st.sampled_from(["\ud800", "x" * 99, 10**400, "2026-01-31T12:00:00Z", "9" * 30]),
)
JSON = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=9), below, max_size=3)
)


def record(value, headers=(), stamp=NOW):
    return Record("hooks", 0, 0, stamp, None, value, headers)


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_has_a_sample_of_each_signal(format):
    assert {signal for name, signal, _, _ in CASES if name == format} == set(CARRIES[format])


@pytest.mark.parametrize(("format", "signal", "value", "name"), CASES, ids=[f"{c[0]}-{c[3]}" for c in CASES])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_is_changed_in_a_message_nothing_raises(format, signal, value, name, data):
    try:
        document = json.loads(value)
    except ValueError:
        at = data.draw(st.integers(0, len(value)))
        mutated = value[:at] + data.draw(st.binary(max_size=4)) + value[data.draw(st.integers(at, len(value))) :]
    else:
        place = document
        for _ in range(data.draw(st.integers(0, 6))):
            inner = [
                x for x in (place.values() if isinstance(place, dict) else place) if isinstance(x, dict | list) and x
            ]
            if not inner:
                break
            place = data.draw(st.sampled_from(inner))
        where = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        place[where] = data.draw(JSON)
        mutated = json.dumps(document).encode()
    for each in CARRIES[format]:
        decoded = decoder(each, format, LIMITS).decode(record(mutated, stamp=data.draw(st.sampled_from([-1, NOW]))))
        assert all(refused.error and refused.message for refused in decoded.refused)
        for found in decoded.signals:
            check(found)
    if format == "slack":
        payload = b"payload=" + quote(json.dumps(data.draw(JSON))).encode()
        assert decoder("action", "slack", LIMITS).decode(record(payload)) is not None


def check(found):
    if isinstance(found, Action):
        assert 0 < len(found.id) <= 200
        assert 0 < len(found.by) <= 200
        assert len(found.args.text) <= 4_000
        assert found.seen >= 0
        return
    assert 1e8 <= found.time < 4.2e9
    if isinstance(found, Change):
        assert found.service
        assert len(found.id) <= 200
        assert found.url[:4] in ("", "http")
    elif isinstance(found, Alert):
        assert found.fingerprint
        assert len(found.labels) <= LIMITS.labels
        assert found.url[:4] in ("", "http")
    else:
        assert isinstance(found, Log)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("value", [b"{}", b"[{}]", b"[1]", b"nothing", b'{"a": ', b"", b"[" * 5000])
def test_what_is_nothing_of_the_format_is_refused_in_words(format, value):
    decoded = decoder(CARRIES[format][0], format, Limits()).decode(record(value))
    assert not decoded.signals
    (refused,) = decoded.refused
    assert refused.message


@pytest.mark.parametrize(("format", "signal", "value", "name"), CASES, ids=[f"{c[0]}-{c[3]}" for c in CASES])
def test_auto_tells_each_by_its_looks_or_by_who_posted_it(format, signal, value, name):
    kind = {"docker_event": b"docker"}.get(format, format.encode())
    assert told(signal, record(value, (("floodmark-kind", kind),))) == format
    if f"{format}-{name}" in UNTOLD or (format == "k8s_event" and name.startswith(("k8s", "deleted"))):
        return  # log records of the Collector may hold anything
    assert told(signal, record(value)) == format


def test_three_hooks_of_one_deployment_have_one_id():
    read = decoder("change", "gitlab", Limits())
    ids = {
        change.id
        for name in ("deployment-running", "job", "pipeline", "deployment-success")
        for change in read.decode(record((SAMPLES / "gitlab" / f"{name}.message").read_bytes())).signals
    }
    assert ids == {"job-796"}


def test_a_button_gives_away_no_secret():
    found = decoder("action", "slack", Limits()).decode(record((SAMPLES / "slack" / "ack.message").read_bytes()))
    assert "secret" not in repr(found.signals)
    assert "token" not in repr(found.signals)


def test_what_is_not_asked_for_is_passed_over_and_counted():
    read = input_decoder(Input(topic="hooks", signal="change", format="gitlab"), Limits())
    decoded = read.decode(record(b'{"object_kind": "push", "ref": "refs/heads/main"}'))
    assert decoded == ([], [])
    assert read.counts()["passed_over"] == 1


def test_a_bad_one_among_several_refuses_itself_alone():
    good = {"timestamp": 1769860800, "service": "pay", "kind": "deploy", "summary": "x"}
    value = json.dumps([good, {"app": 3}, {**good, "timestamp": "yesterday"}]).encode()
    decoded = decoder("change", "argocd", Limits()).decode(record(value))
    assert [change.service for change in decoded.signals] == ["pay", "3"]
    assert [(each.index, each.error) for each in decoded.refused] == [(2, "not_a_time")]


def test_without_a_time_anywhere_it_is_refused():
    decoded = decoder("change", "wandb", Limits()).decode(
        record(b'{"event_type": "LINK", "artifact_collection_name": "fraud"}', stamp=-1)
    )
    assert [each.error for each in decoded.refused] == ["missing_field"]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *(("SUCCESS", "succeeded"), ("Succeeded", "succeeded"), ("in_progress", "started"), ("canceled", "cancelled")),
        *(("FAILURE", "failed"), ("Error", "failed"), ("ABORTED", "cancelled"), ("green", ""), (None, ""), (7, "")),
    ],
)
def test_words_for_how_far_a_change_is(word, status):
    assert status_of(word) == status


def test_words_for_kinds_grades_and_states():
    assert [kind_of(word) for word in ("Deployment", "feature-flag", "ROLLBACK", "odd")] == [
        "deploy",
        "flag",
        "rollback",
        None,
    ]
    assert [grade_of(word) for word in ("P1", "page", "warning", "sev2", "3", "LOW")] == [
        *("critical", "critical", "warning", "error", "", "info")
    ]
    assert [alert_status_of(word) for word in ("PROBLEM", "OK", "Recovered", "perhaps")] == [
        *("firing", "resolved", "resolved", None)
    ]


def test_an_input_can_name_each_of_them():
    inputs = [{"topic": f"{f}-{s}", "signal": s, "format": f} for f in FORMATS for s in CARRIES[f]]
    assert len(Config.model_validate({"inputs": inputs}).inputs) == len(inputs)
