"""What docs/client.md and docs/actions.md show works."""

import asyncio
import re
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from floodmark.alerts import Incident, Watermark, utc
from floodmark.cli.act import act
from floodmark.events import encode
from floodmark.runtime.embedded import EmbeddedBroker

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = re.findall(r"```python\n(.*?)```", (DOCS / "client.md").read_text(), re.DOTALL)
START = 1_700_006_400.0
TOLD = [
    Incident(
        id=id, event=event, revision=1, scope="", severity="error", title="cart is slow", why="",
        started_at=utc(START), updated_at=utc(START), resolved_at=utc(START) if event == "resolved" else None,
        resolution="", entities=["cart"], member_count=1, members=[], causes=[], changes=[],
    )
    for id, event in (("inc-1", "opened"), ("inc-2", "resolved"))
]  # fmt: skip


@pytest.fixture(scope="module")
def brokers():
    async def write(servers):
        async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
            bodies = (*TOLD, Watermark(task="m/0", tasks=1, time=utc(START), idle=False))
            for body in bodies:
                told = encode(body, source="t/0", key="k")
                topic = f"floodmark.{told.stream}"
                await producer.send_and_wait(topic, told.value, told.key, headers=list(told.headers))
            await producer.send_and_wait("floodmark.actions", b"{}")

    with EmbeddedBroker() as embedded:
        asyncio.run(write(embedded.bootstrap))
        yield embedded.bootstrap


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_each_example_runs(brokers, number, capsys):
    code = EXAMPLES[number].replace("localhost:9092", brokers)
    exec(compile(code, f"client.md[{number}]", "exec"), {})
    said = capsys.readouterr().out
    assert said or 'verb="resolve"' in code


def test_there_are_examples():
    assert len(EXAMPLES) >= 4


def test_every_verb_is_in_the_table():
    text = (DOCS / "actions.md").read_text()
    rows = {row.split("`")[1].split()[0] for row in text.splitlines() if row.startswith("| `")}
    assert rows == {each.name or each.callback.__name__ for each in act.registered_commands}
