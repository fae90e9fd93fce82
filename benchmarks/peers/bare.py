"""The floor: a bare aiokafka `getmany` loop, and with --parse the same and orjson.loads of each value."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from meter import Meter, arguments


async def read(args: Namespace, parse: bool) -> None:
    meter = Meter(args)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=args.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    partitions = [TopicPartition(args.topic, number) for number in range(4)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning()
    while True:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            if parse:
                for record in records:
                    if record.value is not None:
                        orjson.loads(record.value)
            meter.add(len(records))


if __name__ == "__main__":
    parsing = "--parse" in sys.argv
    if parsing:
        sys.argv.remove("--parse")
    asyncio.run(read(arguments(), parsing))
