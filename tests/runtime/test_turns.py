"""Clients that share what they learn of an address: a dead one is tried seldom, a live one at once."""

import asyncio
import socket

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import BrokerMetadata

from floodmark.runtime.turns import FIRST_SECONDS, FORGET_SECONDS, LONGEST_SECONDS, Turns

BROKER = ("b", 9092)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


async def test_an_address_that_works_is_not_waited_for():
    turns = Turns(Clock())
    for _ in range(50):
        assert await turns.wait(BROKER)
        turns.tell(BROKER, connected=True)
    assert turns.attempts == 50


async def test_after_a_failure_one_tries_and_the_others_wait_for_it():
    clock = Clock()
    turns = Turns(clock)
    assert await turns.wait(BROKER)
    turns.tell(BROKER, connected=False)
    clock.now += FIRST_SECONDS
    assert await turns.wait(BROKER)  # its pause is over: the turn is taken
    others = [asyncio.create_task(turns.wait(BROKER)) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in others)
    turns.tell(BROKER, connected=True)
    assert all(await asyncio.gather(*others))
    assert turns.attempts == 22


async def test_who_has_no_turn_in_time_is_told_that_there_is_no_connection():
    clock = Clock()
    turns = Turns(clock)
    for _ in range(8):
        turns.tell(BROKER, connected=False)
    waiting = asyncio.create_task(turns.wait(BROKER))
    await asyncio.sleep(0)
    clock.now += LONGEST_SECONDS - 0.001  # of the clock that `wait` reads; the time-out that it sleeps is the loop's
    turns._failing[BROKER].until += 10
    turns._failing[BROKER].over.set()  # only wakes it
    clock.now += 0.001
    assert not await waiting
    assert turns.attempts == 0


async def test_addresses_do_not_mind_each_other():
    turns = Turns(Clock())
    turns.tell(BROKER, connected=False)
    assert await turns.wait(("c", 9092))


async def test_addresses_that_nobody_tries_any_more_are_forgotten():
    clock = Clock()
    turns = Turns(clock)
    for host in range(1000):
        turns.tell((f"pod-{host}", 9092), connected=False)
        clock.now += 60
    assert len(turns._failing) <= FORGET_SECONDS / 60 + 1


@pytest.mark.parametrize("make", [AIOKafkaConsumer, AIOKafkaProducer])
async def test_a_client_that_is_shared_connects_by_turns(make, monkeypatch):
    tried = []

    async def refused(self, node, **_):
        tried.append(node)

    monkeypatch.setattr(AIOKafkaClient, "_get_conn", refused)
    turns = Turns()
    client = turns.share(make(bootstrap_servers="127.0.0.1:1"))
    inner = getattr(client, "_client", None) or client.client
    monkeypatch.setattr(inner.cluster, "broker_metadata", lambda node: BrokerMetadata(node, "b", 9092, None))
    assert await inner._get_conn(1) is None
    assert (tried, turns.attempts) == ([1], 1)
    assert turns._failing[BROKER].pause == FIRST_SECONDS
    await client.stop()


async def test_attempts_at_a_port_that_hangs_up_are_a_few_a_second():
    """As many clients as a dozen tasks have, for as long as five failures take."""
    tried = 0

    async def hang_up(_, writer):
        nonlocal tried
        tried += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, family=socket.AF_INET)
    address = server.sockets[0].getsockname()
    turns = Turns()

    async def client():
        while True:
            if await turns.wait(address):
                _, writer = await asyncio.open_connection(*address)
                writer.close()
                turns.tell(address, connected=False)

    turns.tell(address, connected=False)
    clients = [asyncio.create_task(client()) for _ in range(12)]
    async with server:
        while turns.attempts < 4:
            await asyncio.sleep(0.01)
        for task in clients:
            task.cancel()
        await asyncio.wait(clients)
    assert tried <= turns.attempts
    assert turns._failing[address].pause == LONGEST_SECONDS
