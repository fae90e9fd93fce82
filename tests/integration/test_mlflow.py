"""Requests about models reach a real MLflow: tags of the version, and an alias only where the config names it."""

from datetime import UTC, datetime

import aiohttp
import pytest
import senders

from floodmark.config import targets
from floodmark.notify.sink import Answer, Delivered, Message, Refused
from floodmark.notify.targets.mlflow import sink
from floodmark.requests import ModelRequest

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


async def exchange(asked):
    async with (
        aiohttp.ClientSession() as session,
        session.request(asked.method, asked.url, headers=dict(asked.headers), data=asked.body or None) as answer,
    ):
        return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read())


def message(kind: str, version: str, model: str = "fraud", **more) -> Message:
    at = datetime.now(UTC)
    request = ModelRequest(id="req-1", kind=kind, model=model, why="F1 fell", by="ann", at=at, version=version)
    return Message(id="m", key="req-1", event="request", at=at, request=request, **more)


async def test_a_version_is_tagged_and_an_alias_moves_only_for_a_rollback_that_the_config_allows(mlflow_server):
    def ask(path, **body):
        return senders.ask(f"{mlflow_server}/api/2.0/mlflow/{path}", body)

    ask("registered-models/create", name="fraud")
    run = ask("runs/create", experiment_id="0")["run"]["info"]
    for _ in range(2):
        ask("model-versions/create", name="fraud", source=f"{run['artifact_uri']}/model", run_id=run["run_id"])

    careful = sink(targets.Mlflow(url=mlflow_server), exchange)
    assert isinstance(await careful.deliver(message("retrain", "1"), {}), Delivered)
    assert isinstance(await careful.deliver(message("retrain", "1"), {}), Delivered)  # a tag twice is a tag
    assert isinstance(await careful.deliver(message("rollback", "1"), {}), Delivered)
    bold = sink(targets.Mlflow(url=mlflow_server, alias="champion"), exchange)
    assert isinstance(await bold.deliver(message("retrain", ""), {}), Delivered)
    assert isinstance(await bold.deliver(message("rollback", "2", test=True), {}), Delivered)

    url = f"{mlflow_server}/api/2.0/mlflow/registered-models/get?name=fraud"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        model = (await answer.json())["registered_model"]
    assert "aliases" not in model  # so far nobody who may has asked
    assert {tag["key"]: tag["value"] for tag in model["tags"]}["floodmark.kind"] == "retrain"
    assert isinstance(await bold.deliver(message("rollback", "2"), {}), Delivered)
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        model = (await answer.json())["registered_model"]
    assert model["aliases"] == [{"alias": "champion", "version": "2"}]
    version = f"{mlflow_server}/api/2.0/mlflow/model-versions/get?name=fraud&version=1"
    async with aiohttp.ClientSession() as session, session.get(version) as answer:
        tags = {tag["key"]: tag["value"] for tag in (await answer.json())["model_version"]["tags"]}
    assert tags == {
        "floodmark.request": "req-1", "floodmark.kind": "rollback", "floodmark.why": "F1 fell", "floodmark.by": "ann",
    }  # fmt: skip
    missing = await careful.deliver(message("retrain", "1", model="nobody"), {})
    assert isinstance(missing, Refused)
    assert "RESOURCE_DOES_NOT_EXIST" in missing.reason
