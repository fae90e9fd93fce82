"""Targets that start runs: what they ask, what they start once, and what they say when it cannot be."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from floodmark.config import targets
from floodmark.notify.sink import Answer, Delivered, Later, Message, Refused, Request, Sink
from floodmark.requests import ModelRequest

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASKED = ModelRequest(
    id="req-17", kind="retrain", model="fraud", why="F1 fell from .91 to .74", by="ann", at=AT, version="7",
    incident="inc-1", parameters={"rows": "1000"},
)  # fmt: skip


def message(request: ModelRequest | None = ASKED, **more: Any) -> Message:
    return Message(id="req-17/0/t", key="req-17", event="request", at=AT, request=request, **more)


class Script:
    """Answers by method and path, and what was asked."""

    def __init__(self, answers: dict[str, Answer | list[Answer]]) -> None:
        self._answers = answers
        self.asked: list[Request] = []

    async def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        found = self._answers[f"{request.method} {urlsplit(request.url).path}"]
        return found.pop(0) if isinstance(found, list) else found

    def paths(self) -> list[str]:
        return [f"{each.method} {urlsplit(each.url).path}" for each in self.asked]


def reply(status: int, body: object = None, **headers: str) -> Answer:
    return Answer(status, headers, b"" if body is None else orjson.dumps(body))


def made(kind: str, settings: dict[str, Any], script: Script) -> Sink:
    section = {
        "airflow": targets.Airflow,
        "argo_workflows": targets.ArgoWorkflows,
        "gitlab_pipeline": targets.GitlabPipeline,
        "jenkins": targets.Jenkins,
        "mlflow": targets.Mlflow,
        "wandb": targets.Wandb,
    }[kind]
    found: Sink = import_module(f"floodmark.notify.targets.{kind}").sink(section(**settings), script)
    return found


AIRFLOW = {"url": "http://airflow:8080/", "dag": "retrain", "username": "floodmark", "password": "s3cret"}
RUNS = "POST /api/v2/dags/retrain/dagRuns"
TOKEN = {"POST /auth/token": reply(201, {"access_token": "jwt"})}
DAG = {"GET /api/v2/dags/retrain": reply(200, {"is_paused": False})}


async def test_airflow_starts_a_run_that_has_the_name_of_the_request() -> None:
    script = Script({**TOKEN, **DAG, RUNS: reply(200, {})})
    outcome = await made("airflow", AIRFLOW, script).deliver(message(), {})
    assert outcome == Delivered({"run": "floodmark-req-17"})
    assert orjson.loads(script.asked[0].body) == {"username": "floodmark", "password": "s3cret"}
    run = script.asked[1]
    assert run.headers["authorization"] == "Bearer jwt"
    body = orjson.loads(run.body)
    assert (body["dag_run_id"], body["logical_date"]) == ("floodmark-req-17", None)
    assert body["conf"] == {
        "request": "req-17", "kind": "retrain", "model": "fraud", "version": "7", "why": ASKED.why, "by": "ann",
        "incident": "inc-1", "rows": "1000",
    }  # fmt: skip


async def test_airflow_knows_a_run_that_is_there_already_and_says_if_it_waits() -> None:
    dag = {"GET /api/v2/dags/retrain": reply(200, {"is_paused": True})}
    outcome = await made("airflow", AIRFLOW, Script({**TOKEN, **dag, RUNS: reply(409, {})})).deliver(message(), {})
    assert isinstance(outcome, Delivered)
    assert "paused" in outcome.note


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Refused), (404, Refused), (422, Refused), (429, Later), (503, Later)]
)
async def test_airflow_says_what_a_status_means(status: int, kind: type) -> None:
    answers = {**TOKEN, **DAG, RUNS: reply(status, {"detail": "no"})}
    assert isinstance(await made("airflow", AIRFLOW, Script(answers)).deliver(message(), {}), kind)


async def test_airflow_shows_no_password_when_it_gives_no_token() -> None:
    script = Script({"POST /auth/token": reply(401, {"detail": "s3cret"})})
    outcome = await made("airflow", AIRFLOW, script).deliver(message(), {})
    assert isinstance(outcome, Refused)
    assert "s3cret" not in outcome.reason


MLFLOW = {"url": "http://mlflow:5000", "alias": "champion"}
TAG = "POST /api/2.0/mlflow/model-versions/set-tag"
ALIAS = "POST /api/2.0/mlflow/registered-models/alias"


async def test_mlflow_tags_the_version_and_leaves_aliases_alone() -> None:
    script = Script({TAG: reply(200, {})})
    assert isinstance(await made("mlflow", MLFLOW, script).deliver(message(), {}), Delivered)
    tags = {(body := orjson.loads(each.body))["key"]: body["value"] for each in script.asked}
    assert tags["floodmark.request"] == "req-17"
    assert set(script.paths()) == {TAG}
    assert all(orjson.loads(each.body)["version"] == "7" for each in script.asked)


async def test_mlflow_moves_an_alias_only_for_a_rollback_and_only_if_it_is_named() -> None:
    back = ModelRequest(id="r", kind="rollback", model="fraud", why="w", by="ann", at=AT, version="6")
    script = Script({TAG: reply(200, {}), ALIAS: reply(200, {})})
    assert isinstance(await made("mlflow", MLFLOW, script).deliver(message(back), {}), Delivered)
    assert orjson.loads(script.asked[-1].body) == {"name": "fraud", "alias": "champion", "version": "6"}
    script = Script({TAG: reply(200, {})})
    outcome = await made("mlflow", {"url": "http://mlflow:5000"}, script).deliver(message(back), {})
    assert isinstance(outcome, Delivered)
    assert "no alias was moved" in outcome.note


async def test_mlflow_refuses_a_model_that_is_not_there() -> None:
    script = Script({TAG: reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})})
    outcome = await made("mlflow", MLFLOW, script).deliver(message(), {})
    assert isinstance(outcome, Refused)
    assert "RESOURCE_DOES_NOT_EXIST" in outcome.reason


JENKINS = {"url": "https://ci/j", "job": "ml/retrain", "username": "bot", "token": "t0ken"}
QUEUE, BUILDS = "GET /j/queue/api/json", "GET /j/job/ml/job/retrain/api/json"
BUILD = "POST /j/job/ml/job/retrain/buildWithParameters"
STARTED = {"actions": [{}, {"parameters": [{"name": "FLOODMARK_REQUEST", "value": "req-17"}]}], "number": 8}


async def test_jenkins_starts_a_build_with_parameters() -> None:
    answers = {QUEUE: reply(200, {"items": []}), BUILDS: reply(200, {"builds": [{"actions": []}]})}
    script = Script({**answers, BUILD: Answer(201, {"location": "https://ci/j/queue/item/5/"})})
    outcome = await made("jenkins", JENKINS, script).deliver(message(), {})
    assert outcome == Delivered({"queued": "https://ci/j/queue/item/5/"})
    form = parse_qs(script.asked[-1].body.decode())
    assert (form["FLOODMARK_REQUEST"], form["FLOODMARK_MODEL"], form["FLOODMARK_ROWS"]) == (
        ["req-17"],
        ["fraud"],
        ["1000"],
    )
    assert b64decode(script.asked[0].headers["authorization"].removeprefix("Basic ")) == b"bot:t0ken"


@pytest.mark.parametrize("where", ["queue", "builds"])
async def test_jenkins_starts_no_second_build(where: str) -> None:
    queue = {"items": [STARTED] if where == "queue" else []}
    script = Script({QUEUE: reply(200, queue), BUILDS: reply(200, {"builds": [STARTED] if where == "builds" else []})})
    outcome = await made("jenkins", JENKINS, script).deliver(message(), {})
    assert isinstance(outcome, Delivered)
    assert outcome.memory == {"build": "8"}
    assert BUILD not in script.paths()


async def test_jenkins_says_that_somebody_must_sign_in() -> None:
    outcome = await made("jenkins", JENKINS, Script({QUEUE: Answer(302)})).deliver(message(), {})
    assert isinstance(outcome, Refused)
    assert "sign in" in outcome.reason


GITLAB = {"project": "ml/fraud", "token": "glptt", "read_token": "glpat"}
PIPELINES = "GET /api/v4/projects/ml%2Ffraud/pipelines"
TRIGGER = "POST /api/v4/projects/ml%2Ffraud/trigger/pipeline"


async def test_gitlab_triggers_a_pipeline_once() -> None:
    script = Script({PIPELINES: [reply(200, []), reply(200, [{"id": 41}])], TRIGGER: reply(201, {"id": 41})})
    sink = made("gitlab_pipeline", GITLAB, script)
    assert await sink.deliver(message(), {}) == Delivered({"pipeline": "41"})
    again = await sink.deliver(message(), {})
    assert isinstance(again, Delivered)
    assert (again.memory, script.paths()) == ({"pipeline": "41"}, [PIPELINES, TRIGGER, PIPELINES])
    form = parse_qs(script.asked[1].body.decode())
    assert (form["token"], form["ref"], form["variables[FLOODMARK_MODEL]"]) == (["glptt"], ["main"], ["fraud"])
    assert "name=floodmark-req-17" in script.asked[0].url


ARGO = {"url": "https://argo:2746", "namespace": "ml", "template": "retrain", "token": "t"}
SUBMIT = "POST /api/v1/workflows/ml/submit"


@pytest.mark.parametrize("status", [200, 409])
async def test_argo_submits_a_workflow_that_has_the_name_of_the_request(status: int) -> None:
    script = Script({SUBMIT: reply(status, {})})
    outcome = await made("argo_workflows", ARGO, script).deliver(message(), {})
    assert isinstance(outcome, Delivered)
    options = orjson.loads(script.asked[0].body)["submitOptions"]
    assert options["name"] == "floodmark-req-17"
    assert "model=fraud" in options["parameters"]


def test_argo_makes_a_name_that_kubernetes_takes() -> None:
    named = import_module("floodmark.notify.targets.argo_workflows").named
    assert named("A_b:" + "x" * 80) == "floodmark-a-b-" + "x" * 49


WANDB = {"api_key": "k3y", "entity": "team", "project": "registry"}
GRAPHQL = "POST /graphql"


async def test_wandb_gives_the_version_an_alias() -> None:
    found = reply(200, {"data": {"project": {"artifact": {"id": "QXJ0"}}}})
    script = Script({GRAPHQL: [found, reply(200, {"data": {"addAliases": {"success": True}}})]})
    assert await made("wandb", WANDB, script).deliver(message(), {}) == Delivered({"artifact": "QXJ0"})
    assert orjson.loads(script.asked[0].body)["variables"]["name"] == "fraud:7"
    assert orjson.loads(script.asked[1].body)["variables"] == {
        "id": "QXJ0", "collection": "fraud", "alias": "floodmark-retrain",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (reply(200, {"errors": [{"message": "permission denied"}]}), "permission denied"),
        (reply(200, {"data": {"project": None}}), "no artifact fraud:7"),
        (reply(403, {}), "status 403"),
    ],
)
async def test_wandb_says_what_is_wrong_in_an_answer_of_200(answer: Answer, word: str) -> None:
    outcome = await made("wandb", WANDB, Script({GRAPHQL: answer})).deliver(message(), {})
    assert isinstance(outcome, Refused)
    assert word in outcome.reason


@pytest.mark.parametrize(
    ("kind", "settings", "answers"),
    [
        ("airflow", AIRFLOW, {**TOKEN, **DAG}),
        ("argo_workflows", ARGO, {"GET /api/v1/workflow-templates/ml/retrain": reply(200, {})}),
        ("gitlab_pipeline", GITLAB, {PIPELINES: reply(200, [])}),
        ("jenkins", JENKINS, {QUEUE: reply(200, {}), BUILDS: reply(200, {})}),
        ("mlflow", MLFLOW, {"GET /api/2.0/mlflow/registered-models/search": reply(200, {})}),
        ("wandb", WANDB, {GRAPHQL: reply(200, {"data": {"project": {"artifact": {"id": "x"}}}})}),
    ],
)
async def test_an_example_starts_nothing(kind: str, settings: dict[str, Any], answers: dict[str, Answer]) -> None:
    assert isinstance(await made(kind, settings, Script(answers)).deliver(message(test=True), {}), Delivered)
