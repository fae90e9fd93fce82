"""What is in deploy/gateway: it renders to what is decoded, so far as that can be seen without the systems."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import aiohttp.web
import pytest
from ruamel.yaml import YAML

from floodmark.config.formats import CARRIES
from floodmark.config.models import Limits
from floodmark.decode import decoder
from floodmark.records import Record

FOLDER = Path(__file__).parents[2] / "deploy" / "gateway"
ODD = 'one or more objects failed: "payment" \\ line\nbreak'

APP = {
    "app": {
        "metadata": {"name": "payment"},
        "spec": {"destination": {"namespace": "prod"}},
        "status": {
            "sync": {"revision": "9f2c1ab"},
            "operationState": {
                "startedAt": "2026-01-31T12:00:00Z",
                "finishedAt": "2026-01-31T12:00:41Z",
                "phase": "Failed",
                "message": ODD,
            },
        },
    },
    "context": {"argocdUrl": "https://argocd.example.org"},
}


DECODED = frozenset(CARRIES)


def one_of(format, signal, body):
    """The one signal that the engine makes of a body."""
    record = Record("t", 0, 0, 1769860900000, None, body.encode(), ())
    decoded = decoder(signal, format, Limits()).decode(record)
    assert decoded.refused == []
    (found,) = decoded.signals
    return found


def at(values, path):
    for part in path.strip(".").split("."):
        values = values[int(part.strip("[]"))] if part.startswith("[") else values.get(part, "")
    return values


def rendered(template, values, escape=str):
    """A template of Go's or Handlebars' kind that has nothing but values, some of them as JSON; and of Mustache's."""

    def value(match):
        words = re.sub(r'default "[^"]*"', "", match[1]).replace("|", " ").split()
        found = at(values, next(word for word in words if word not in ("json", "toJson")))
        return json.dumps(found) if {"json", "toJson"} & set(words) else escape(found)

    return re.sub(r"\{\{\s*(.*?)\s*\}\}", value, template)


def test_argo_cd_posts_a_native_change_when_it_begins_and_when_it_is_over():
    config, secret = YAML(typ="safe").load_all((FOLDER / "argocd-notifications.yaml").read_text())
    data = {name: YAML(typ="safe").load(text) for name, text in config["data"].items()}
    service = data["service.webhook.floodmark"]
    assert {"name": "Authorization", "value": "Bearer $floodmark-token"} in service["headers"]
    assert "floodmark-token" in secret["stringData"]
    posted = {}
    for step in ("started", "over"):
        webhook = data[f"template.floodmark-{step}"]["webhook"]["floodmark"]
        assert webhook["method"] == "POST"
        posted[step] = json.loads(rendered(webhook["body"], APP))
    assert posted["started"]["id"] == posted["over"]["id"] == "payment/2026-01-31T12:00:00Z"
    assert posted["over"] == {
        "timestamp": "2026-01-31T12:00:41Z",
        "service": "payment",
        "kind": "deploy",
        "summary": ODD,
        "id": "payment/2026-01-31T12:00:00Z",
        "status": "Failed",
        "version": "9f2c1ab",
        "environment": "prod",
        "url": "https://argocd.example.org/applications/payment",
        "actor": "Argo CD",
    }
    assert posted["started"].keys() == posted["over"].keys()
    sent = {each for rule in data["trigger.floodmark"] for each in rule["send"]}
    assert sent == {"floodmark-started", "floodmark-over"}
    assert data["subscriptions"] == [{"recipients": ["floodmark"], "triggers": ["floodmark"]}]
    if "argocd" in DECODED:
        started, over = (one_of("argocd", "change", json.dumps(body)) for body in posted.values())
        assert (started.id, started.status) == (over.id, "started")
        assert (over.service, over.status, over.summary) == ("payment", "failed", ODD)


def test_kibana_posts_json_whatever_is_in_its_values():
    values = {
        "date": "2026-01-31T12:00:00.000Z",
        "rule": {"name": 'Errors "5xx"', "url": "https://kibana.example.org/r"},
        "alert": {"uuid": "a-1", "actionGroup": "recovered"},
        "context": {"reason": ODD, "service": {"name": "payment"}},
    }
    # A webhook connector escapes its values for JSON; what there is not is nothing.
    body = rendered(
        (FOLDER / "kibana.mustache").read_text().replace("{{context.host.name}}", ""),
        values,
        escape=lambda found: json.dumps(found)[1:-1],
    )
    found = json.loads(body)
    assert (found["rule"]["name"], found["context"]["reason"]) == ('Errors "5xx"', ODD)
    assert found["labels"]["service"] == "payment"
    if "kibana" in DECODED:
        alert = one_of("kibana", "alert", body)
        assert (alert.name, alert.status, alert.labels) == ('Errors "5xx"', "resolved", {"service": "payment"})


def test_new_relic_posts_json_whatever_is_in_its_values():
    values = {
        "issueId": "i-1",
        "issuePageUrl": "https://one.newrelic.com/i-1",
        "annotations": {"title": [ODD]},
        "priority": "CRITICAL",
        "state": "ACTIVATED",
        "entitiesData": {"names": ["payment"]},
        "accumulations": {"conditionName": ["Errors"], "policyName": ["Golden"], "tag": {"env": ["prod"]}},
        "createdAt": 1769860800000,
        "updatedAt": 1769860860000,
    }
    body = rendered((FOLDER / "newrelic.handlebars").read_text(), values)
    found = json.loads(body)
    assert (found["issueId"], found["title"], found["createdAt"]) == ("i-1", ODD, 1769860800000)
    if "newrelic" in DECODED:
        alert = one_of("newrelic", "alert", body)
        assert (alert.fingerprint, alert.status, alert.summary) == ("i-1", "firing", ODD)
        assert (alert.started, alert.labels["service"]) == (1769860800.0, "payment")


def test_wandbs_body_is_json_of_its_variables():
    found = json.loads((FOLDER / "wandb.json").read_text())
    assert all(value == f"${{{name}}}" for name, value in found.items())
    if "wandb" in DECODED:
        given = {"event_type": "ADD_ARTIFACT_ALIAS", "artifact_alias": "production", "event_author": "ann"}
        given |= {"artifact_version_string": "shop/registry/fraud:v3", "artifact_collection_name": "fraud"}
        change = one_of("wandb", "change", json.dumps({name: given.get(name, "") for name in found}))
        assert (change.kind, change.service, change.version) == ("model", "fraud", "production")


def test_jenkins_tells_a_native_change():
    text = (FOLDER / "jenkins.groovy").read_text()
    body = text[text.index("toJson([") : text.index("])")]
    names = re.findall(r"^\s+(\w+):", body, re.MULTILINE)
    assert names[:4] == ["timestamp", "service", "kind", "summary"]
    assert set(names[4:]) == {"id", "status", "version", "environment", "url", "actor"}


def test_the_collector_writes_what_the_comment_reads():
    text = (FOLDER / "k8s-events.yaml").read_text()
    config = YAML(typ="safe").load(text)
    topic = config["exporters"]["kafka"]["logs"]["topic"]
    assert f"{{topic: {topic}, signal: change, format: k8s_event}}" in text
    pipeline = config["service"]["pipelines"]["logs"]
    assert set(pipeline["receivers"]) <= set(config["receivers"])
    assert set(pipeline["exporters"]) <= set(config["exporters"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
async def test_events_of_docker_are_posted_in_their_order_until_they_are_taken(tmp_path):
    events = [
        {"Type": "container", "Action": "die", "Actor": {"ID": "c1", "Attributes": {"name": 'it\'s "one"'}}, "time": 1},
        {"Type": "container", "Action": "exec_create: sh", "Actor": {"ID": "c1"}, "time": 2},
        {"Type": "container", "Action": "start", "Actor": {"ID": "c1"}, "time": 3},
    ]
    (tmp_path / "events").write_text("".join(f"{json.dumps(event, separators=(',', ':'))}\n" for event in events))
    engine = tmp_path / "engine"
    engine.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\ncat {tmp_path}/events\n')
    engine.chmod(0o755)
    (tmp_path / "token").write_text("of-the-tests\n")
    answers, taken = [503, 200, 400], []

    async def post(request):
        assert request.headers["Authorization"] == "Bearer of-the-tests"
        assert request.headers["Content-Type"] == "application/json"
        taken.append(await request.json())
        return aiohttp.web.Response(status=answers.pop(0))

    app = aiohttp.web.Application()
    app.router.add_post("/docker", post)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    try:
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        given = {
            "PATH": os.environ["PATH"],
            "ENGINE": str(engine),
            "FLOODMARK_URL": f"http://127.0.0.1:{port}/docker",
            "FLOODMARK_TOKEN_FILE": str(tmp_path / "token"),
            "STATE": str(tmp_path / "state"),
        }
        process = await asyncio.create_subprocess_exec(
            FOLDER / "docker-events.sh", env=given, stderr=asyncio.subprocess.PIPE
        )
        _, said = await process.communicate()
    finally:
        await runner.cleanup()
    assert process.returncode == 0
    assert taken == [events[0], events[0], events[2]]
    assert said.decode().splitlines() == ["not taken (503): again in 1 s", "passed over: 400"]
    assert int((tmp_path / "state").read_text()) > 1_700_000_000
    assert "--filter type=container" in (tmp_path / "asked").read_text()
