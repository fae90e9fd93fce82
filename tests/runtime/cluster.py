"""A cluster that the test holds: what producers and the consumer do to it, in order, in `events`."""

import asyncio

from aiokafka import TopicPartition

SOURCE = TopicPartition("metrics", 0)
TOPICS = {"anomalies": "a", "alerts": "b", "dead_letters": "d", "model_events": "m", "rekeyed": "r"}


class Cluster:
    """`answer` decides each send's future: None (acknowledged), "hold", or an error; `errors` what a step raises."""

    def __init__(self):
        self.events = []
        self.held = []
        self.answer = lambda topic, value: None
        self.errors = {}
        self.producers = 0
        self.settings = {}

    def producer(self, **settings):
        self.settings = settings
        self.producers += 1
        return Producer(self)

    def step(self, *event):
        """`event` happens, or the next error that is foreseen for its name."""
        if (errors := self.errors.get(event[0])) and (error := errors.pop(0)):
            raise error
        self.events.append(event)

    async def commit(self, offsets):
        self.step("commit", dict(offsets))


class Producer:
    def __init__(self, cluster):
        self.cluster = cluster

    async def start(self):
        if self.cluster.errors.get("start"):
            raise self.cluster.errors["start"].pop(0)

    async def stop(self):
        self.cluster.events.append(("stop",))

    async def partitions_for(self, topic):
        return {2, 0, 1}

    async def send(self, topic, value, key, partition, headers):
        future = asyncio.get_running_loop().create_future()
        answer = self.cluster.answer(topic, value)
        if answer == "hold":
            self.cluster.held.append(future)
        elif answer is None:
            self.cluster.events.append(("sent", topic, key, value, partition))
            future.set_result(None)
        else:
            future.set_exception(answer)
        return future

    async def begin_transaction(self):
        self.cluster.step("begin")

    async def send_offsets_to_transaction(self, offsets, group):
        self.cluster.step("offsets", dict(offsets), group)

    async def commit_transaction(self):
        self.cluster.step("committed")

    async def abort_transaction(self):
        self.cluster.step("aborted")


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)
