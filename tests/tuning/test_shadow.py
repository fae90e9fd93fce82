"""Two configs over the same input: which incidents both told, and which only one of them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from floodmark.alerts import Cause, Incident, Member, utc
from floodmark.cli import app
from floodmark.runtime.embedded import EmbeddedBroker
from floodmark.tuning.shadow import Heard, compare

START = 1_750_000_000.0
WEEK = 7 * 86_400.0


def incident(id, at, *series, entity="cart", severity="error", revision=1, cause="cart", merged=None, lasts=600.0):
    members = [
        Member(
            id=f"{id}-{each}", entity=entity, signal="metric", series=each, head="range", direction="up",
            started_at=utc(START + at), ended_at=None, p_value=1e-6, severity="error", summary=each, why="",
        )
        for each in series
    ]  # fmt: skip
    return Incident(
        id=id, event="resolved", revision=revision, scope="", severity=severity, title=f"{entity} is slow", why="",
        started_at=utc(START + at), updated_at=utc(START + at + lasts), resolved_at=utc(START + at + lasts),
        resolution="", entities=[entity], member_count=len(members), members=members,
        causes=[Cause(entity=cause, share=1.0, reason="", anomalies=[])], changes=[], merged_into=merged,
    )  # fmt: skip


def found(live, shadow):
    return compare(Heard(live, 10, 1 / WEEK), Heard(shadow, 4, 2 / WEEK), WEEK)


def test_the_same_is_the_same():
    both = [incident("a", 0, "x"), incident("b", 5_000, "y")]
    result = found(both, both)
    assert result.same
    assert [(each.live, each.shadow) for each in result.both] == [("a", "a"), ("b", "b")]
    assert (result.live.incidents_week, result.live.alarms_week, result.shadow.budget_week) == (2.0, 10.0, 2.0)


def test_who_told_alone_is_named():
    result = found(
        [incident("a", 0, "x"), incident("b", 5_000, "y")], [incident("c", 30, "x"), incident("d", 90_000, "y")]
    )
    assert [(each.live, each.shadow) for each in result.both] == [("a", "c")]
    assert [each.id for each in result.only_live] == ["b"]
    assert [each.id for each in result.only_shadow] == ["d"]
    assert not result.same


def test_each_has_one_counterpart_and_the_nearest():
    result = found([incident("a", 0, "x", "y")], [incident("far", 500, "x"), incident("near", 60, "x", "y")])
    assert [(each.live, each.shadow) for each in result.both] == [("a", "near")]
    assert [each.id for each in result.only_shadow] == ["far"]


def test_in_what_they_differ_is_said():
    other = incident("b", 180, "x", severity="critical", cause="payment")
    (pair,) = found([incident("a", 0, "x")], [other]).both
    assert pair.differs == [
        "critical instead of error (worse)",
        "first cause payment instead of cart",
        "begins 3 min later",
    ]


def test_only_the_newest_revision_counts_and_merged_ones_do_not():
    old = msgspec.structs.replace(incident("a", 0, "x"), title="old")
    result = found([incident("a", 0, "x", revision=2), old, incident("m", 0, "x", merged="a")], [])
    assert [(each.id, each.title) for each in result.only_live] == [("a", "cart is slow")]


def _lines(path):
    rows = ["time,service,errors_per_second"]
    for minute in range(2_000):
        bad = 30 if 1_900 <= minute < 1_940 else 0
        at = utc(START + 60 * minute)
        rows.append(f"{at:%Y-%m-%dT%H:%M:%SZ},checkout,{0.4 + bad + minute % 5 / 10:.2f}")
    path.write_text("\n".join(rows))


def test_a_file_is_replayed_by_both(tmp_path):
    _lines(tmp_path / "r.csv")
    (tmp_path / "a.yaml").write_text("correlate: {false_incidents: 1/week}\n")
    (tmp_path / "b.yaml").write_text("detectors: [{match: {name: '*'}, enabled: false}]\n")
    arguments = ["replay", str(tmp_path / "r.csv"), "-c", str(tmp_path / "a.yaml")]
    done = CliRunner().invoke(app, [*arguments, "--shadow", str(tmp_path / "b.yaml")], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    assert "Only the live config told" in done.output
    same = CliRunner().invoke(app, [*arguments, "--shadow", str(tmp_path / "a.yaml")], env={"COLUMNS": "300"})
    assert "Both told the same." in same.output


@pytest.mark.slow
async def test_it_watches_beside_the_engine_and_writes_nothing(tmp_path):
    with EmbeddedBroker() as broker:
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
            for topic in ("metrics", "floodmark.alerts"):
                await producer.send_and_wait(topic, b"{}")
            config = f"kafka: {{brokers: ['{broker.bootstrap}']}}\ninputs: [{{topic: metrics, signal: metric}}]\n"
            (tmp_path / "a.yaml").write_text(config)
            command = [sys.executable, "-m", "floodmark", "run", "-c", str(tmp_path / "a.yaml")]
            command += ["--shadow", str(tmp_path / "a.yaml"), "--out", str(tmp_path / "out.json")]
            env = {**os.environ, "COLUMNS": "300"}
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
            time.sleep(6)
            now = time.time() - 60 * 2_000
            for minute in range(2_000):
                bad = 30 if 1_900 <= minute < 1_940 else 0
                at = utc(now) + timedelta(minutes=minute)
                event = {"timestamp": at.isoformat(), "name": "errors_per_second", "value": 0.4 + bad + minute % 5 / 10,
                         "labels": {"service": "checkout"}}  # fmt: skip
                await producer.send("metrics", json.dumps(event).encode(), key=b"x")
            await producer.flush()
            time.sleep(6)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, said
    assert re.search(r"Only the shadow told: .* checkout", said), said
    assert len(json.loads((tmp_path / "out.json").read_text())["only_shadow"]) == 1
