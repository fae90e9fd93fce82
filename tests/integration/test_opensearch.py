"""The Elasticsearch target on a real OpenSearch and a real Elasticsearch.

The newest revision stays, the history is whole, and items fail alone.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from search_node import ELASTICSEARCH, OPENSEARCH, Product, SearchUnavailableError, is_fetched, search_node

import floodmark.notify.targets.elasticsearch as module
from floodmark.config.targets import Elasticsearch
from floodmark.notify.sink import Answer, Delivered, Message, Outcome, Refused, Request

sys.path.insert(0, str(Path(__file__).parents[1] / "notify" / "targets"))

import tellings

pytestmark = pytest.mark.opensearch
INDEX, STREAM = "floodmark-incidents", "logs-floodmark.incidents-default"


@pytest.fixture(scope="module", params=[OPENSEARCH, ELASTICSEARCH], ids=lambda product: product.name)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, str]]:
    product: Product = request.param
    if not is_fetched(product) and "opensearch" not in request.config.getoption("markexpr").split():
        pytest.skip(f"{product.name} is not fetched; pytest -m opensearch fetches it")
    try:
        with search_node(product, _port(), _port(), tmp_path_factory.mktemp(product.name)) as address:
            yield product, address
    except SearchUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as found:
        yield found


class Cluster:
    """What a test asks of it besides what the target sends."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self.url = session, url

    async def exchange(self, request: Request) -> Answer:
        sent = self._session.request(request.method, request.url, headers=request.headers, data=request.body)
        async with sent as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, headers, await answer.read())

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(method, f"{self.url}{path}", json=body) as answer:
            found = await answer.json()
            assert answer.status < 300, found
            return found

    async def newest(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.ask("GET", f"/{INDEX}/_doc/{key}")
        return found

    async def history(self, key: str) -> list[dict[str, Any]]:
        await self.ask("POST", f"/{STREAM}/_refresh")
        query = {"query": {"term": {"incident.id": key}}, "sort": ["told.at"], "size": 1_000}
        hits = (await self.ask("POST", f"/{STREAM}/_search", query))["hits"]["hits"]
        return [each["_source"] for each in hits]

    async def told(self, *messages: Message, **given: Any) -> list[Outcome]:
        settings = Elasticsearch.model_validate({"url": self.url, **given})
        target = module.sink(settings, self.exchange)
        return [await target.deliver(each, {}) for each in messages]


@pytest.fixture
async def cluster(session: aiohttp.ClientSession, node: tuple[Product, str]) -> Cluster:
    product, url = node
    made = Cluster(session, url)
    for name in ("index", "stream"):
        template = json.loads((Path(module.__file__).parent / f"{name}-template.json").read_text())
        if not product.streams:  # an index of that name is then what takes `create`
            template.pop("data_stream", None)
        await made.ask("PUT", f"/_index_template/floodmark-{name}", template)
    return made


def _life(key: str) -> list[Message]:
    return [_of(each, key) for each in tellings.life()]


def _of(message: Message, key: str) -> Message:
    from msgspec.structs import replace

    return replace(message, key=key, id=message.id.replace(message.key, key))


async def test_the_newest_revision_stays_and_the_history_is_whole(cluster: Cluster) -> None:
    life = _life("inc-life")
    assert await cluster.told(*life) == [Delivered({}, "")] * len(life)
    newest = await cluster.newest("inc-life")
    assert (newest["_version"], newest["_source"]["incident"]["state"]) == (6, "resolved")
    assert [each["incident"]["revision"] for each in await cluster.history("inc-life")] == [1, 2, 3, 4, 5, 6]


async def test_an_older_revision_changes_nothing_and_counts_as_there(cluster: Cluster) -> None:
    life = _life("inc-old")
    await cluster.told(life[3])
    assert await cluster.told(life[0]) == [Delivered({}, "it was there already")]
    assert (await cluster.newest("inc-old"))["_version"] == 4
    assert [each["incident"]["revision"] for each in await cluster.history("inc-old")] == [1, 4], "told is told"


async def test_what_is_told_twice_stands_there_once(cluster: Cluster) -> None:
    life = _life("inc-twice")
    for message in life:
        await cluster.told(message, message)
    assert len(await cluster.history("inc-twice")) == len(life)


async def test_what_people_did_is_seen_although_the_revision_is_the_same(cluster: Cluster) -> None:
    opened = _of(tellings.telling("open", 3), "inc-ack")
    acked = _of(tellings.telling("update", 3, state="acked", owner="bob"), "inc-ack")
    await cluster.told(opened, acked)
    newest = (await cluster.newest("inc-ack"))["_source"]
    assert (newest["incident"]["state"], newest["owner"]) == ("acked", "bob")
    assert len(await cluster.history("inc-ack")) == 2


async def test_the_data_stream_is_one(cluster: Cluster, node: tuple[Product, str]) -> None:
    if not node[0].streams:
        pytest.skip("its core has no data streams")
    await cluster.told(*_life("inc-stream"))
    [found] = (await cluster.ask("GET", f"/_data_stream/{STREAM}"))["data_streams"]
    assert found["timestamp_field"] == {"name": "@timestamp"}


async def test_people_can_ask_for_labels_and_count_by_severity(cluster: Cluster) -> None:
    await cluster.told(*_life("inc-asked"))
    query = {"query": {"term": {"tags": "team=payments"}}, "size": 0, "track_total_hits": True}
    query["aggs"] = {"by": {"terms": {"field": "incident.severity"}}}
    await cluster.ask("POST", f"/{INDEX}/_refresh")
    assert (await cluster.ask("POST", f"/{INDEX}/_search", query))["aggregations"]["by"]["buckets"][0]["key"] == "error"


async def test_hostile_text_is_kept_and_makes_no_fields(cluster: Cluster) -> None:
    for event in ("open", "update", "resolve"):
        for name, message in tellings.nasty(event):  # type: ignore[arg-type]
            [outcome] = await cluster.told(message)
            assert isinstance(outcome, Delivered), (name, outcome)
    mapping = await cluster.ask("GET", f"/{INDEX}/_mapping")
    mapped = mapping[INDEX]["mappings"]["properties"]
    template = json.loads((Path(module.__file__).parent / "index-template.json").read_text())
    assert set(mapped) == set(template["template"]["mappings"]["properties"])


async def test_an_item_that_cannot_be_taken_is_told_although_the_other_is(cluster: Cluster) -> None:
    await cluster.ask("PUT", "/odd-incidents", {"mappings": {"properties": {"incident": {"type": "integer"}}}})
    [outcome] = await cluster.told(_of(tellings.telling("open"), "inc-odd"), index="odd-incidents")
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith("status 400: mapper_parsing_exception")
    assert len(await cluster.history("inc-odd")) == 1


async def test_an_index_that_is_closed_for_writing_is_said(cluster: Cluster) -> None:
    await cluster.ask("PUT", "/closed-incidents", {"settings": {"index.blocks.write": True}})
    [outcome] = await cluster.told(_of(tellings.telling("open"), "inc-closed"), index="closed-incidents")
    assert isinstance(outcome, Refused)
    assert "blocked" in outcome.reason


async def test_many_at_once(cluster: Cluster) -> None:
    lives = [_life(f"inc-many-{n}") for n in range(30)]
    await asyncio.gather(*(cluster.told(*life) for life in lives))
    for n in range(30):
        assert (await cluster.newest(f"inc-many-{n}"))["_version"] == 6


def _port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
