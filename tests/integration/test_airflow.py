"""Requests about models reach a real Airflow: by REST, once each, and by a DAG that reads the topic itself."""

import asyncio
import json
import shutil
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from airflow_server import PASSWORD, airflow
from python_programs import ProgramUnavailableError

from floodmark.config import targets
from floodmark.config.models import Kafka
from floodmark.events import encode
from floodmark.notify.sink import Answer, Delivered, Message, Refused
from floodmark.notify.targets.airflow import sink
from floodmark.requests import ModelRequest
from floodmark.runtime.topics import TopicSpec, create
from floodmark.runtime.writing import write

pytestmark = [pytest.mark.kafka, pytest.mark.airflow, pytest.mark.slow]

DAGS = Path(__file__).parents[2] / "deploy" / "requests"
MINUTES = 240
BY_REST = """
from airflow.sdk import dag, get_current_context, task

@dag(schedule=None)
def by_rest():
    @task
    def seen():
        conf = get_current_context()["dag_run"].conf
        assert conf["model"] == "fraud", conf
    seen()

by_rest()
"""


def request(id: str) -> ModelRequest:
    at = datetime.now(UTC)
    return ModelRequest(id=id, kind="retrain", model="fraud", why="F1 fell", by="ann", at=at, parameters={"rows": "10"})


async def exchange(asked):
    async with (
        aiohttp.ClientSession() as session,
        session.request(asked.method, asked.url, headers=dict(asked.headers), data=asked.body or None) as answer,
    ):
        return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read())


def runs(url: str, token: str, dag: str) -> list[dict]:
    wanted = urllib.request.Request(f"{url}/api/v2/dags/{dag}/dagRuns", headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(wanted, timeout=30) as answer:
        return json.load(answer)["dag_runs"]


async def token_of(url: str) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/auth/token", json={"username": "floodmark", "password": PASSWORD}) as answer,
    ):
        return (await answer.json())["access_token"]


async def until_success(url: str, dag: str, run: str = "") -> dict:
    token = await token_of(url)
    found: list[dict] = []
    for _ in range(MINUTES):
        found = [each for each in runs(url, token, dag) if each["dag_run_id"] == run or not run]
        if any(each["state"] in ("success", "failed") for each in found):
            break
        await asyncio.sleep(1)
    (one,) = found
    assert one["state"] == "success"
    return one


async def test_a_request_starts_one_run_by_rest_and_one_by_the_topic(kafka, tmp_path):
    topic = "airflow.model-requests"
    await create(Kafka(brokers=[kafka]), {topic: TopicSpec(1, 1)})
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(DAGS / "floodmark_retrain.py", dags)
    (dags / "by_rest.py").write_text(BY_REST)
    home = tmp_path / "home"
    home.mkdir()
    try:
        with airflow(home, dags, kafka, topic) as url:
            settings = {"url": url, "username": "floodmark", "password": PASSWORD}
            rest = sink(targets.Airflow(dag="by_rest", **settings), exchange)
            asked = request("req-rest")
            told = Message(id="m", key=asked.id, event="request", at=asked.at, request=asked)
            for _ in range(MINUTES):  # the DAG is known once it has been parsed
                outcome = await rest.deliver(told, {})
                if not isinstance(outcome, Refused):
                    break
                await asyncio.sleep(1)
            assert outcome == Delivered({"run": "floodmark-req-rest"})
            assert isinstance(await rest.deliver(told, {}), Delivered)
            assert len(runs(url, await token_of(url), "by_rest")) == 1
            assert (await until_success(url, "by_rest", "floodmark-req-rest"))["conf"]["rows"] == "10"
            wrong = sink(targets.Airflow(dag="by_rest", url=url, username="floodmark", password="no"), exchange)
            assert isinstance(await wrong.deliver(told, {}), Refused)

            by_topic = encode(request("req-topic"), source="cli", key="fraud")
            await write(Kafka(brokers=[kafka]), topic, by_topic)
            run = await until_success(url, "floodmark_retrain")
            assert run["run_type"] == "asset_triggered"
            logs = "".join(path.read_text() for path in home.glob("logs/dag_id=floodmark_retrain/**/*.log"))
            assert "retrain fraud for req-topic: F1 fell" in logs
    except ProgramUnavailableError as error:
        pytest.skip(str(error))
