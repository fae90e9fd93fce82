"""This machine as a source of metrics, for `floodmark demo --live`: psutil's figures as native metric events.

Every figure is labelled with the host, and those of a process with its name as `service`. It must
never ask for more rights than it has: what may not be read is left out.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, Literal

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from floodmark.simulate.publish import PublishError, reason

TOPIC = "machine.metrics"
INTERVAL = 2.0
"""Seconds between two readings."""
MOST = 8
"""Most cores, disks, network interfaces, file systems and processes that have series of their own."""

Event = dict[str, Any]
"""A native metric event, ready for JSON."""


class MissingPsutilError(Exception):
    """psutil is not installed; the text says how to get it."""


class Machine:
    """Reads this machine. Holds what rates of processes need: their CPU seconds at the last reading.

    A process name that was among the busiest once keeps its series (0 when nothing of that name runs), so that series
    do not come and go with the ranking; there are at most `MOST`. Raises MissingPsutilError.
    """

    def __init__(self, host: str | None = None) -> None:
        try:
            import psutil  # noqa: PLC0415  optional: the rest of the demo runs without it
        except ImportError as error:
            raise MissingPsutilError("Watching this machine needs psutil; install with: pip install psutil") from error
        self._psutil = psutil
        self.host = host or socket.gethostname()
        self._spent: dict[tuple[int, float], float] = {}
        self._names: list[str] = []
        self._before: float | None = None
        psutil.cpu_percent()  # the first reading of these is since the last call: make one
        psutil.cpu_percent(percpu=True)

    def read(self, now: float) -> list[Event]:
        """All figures at `now` (epoch seconds)."""
        p = self._psutil
        events: list[Event] = []

        def add(name: str, value: float, unit: str, kind: Literal["gauge", "counter"] = "gauge", **labels: str) -> None:
            events.append(
                {
                    "timestamp": round(now * 1000),
                    "name": name,
                    "value": value,
                    "labels": {"host": self.host, **labels},
                    "kind": kind,
                    "unit": unit,
                }
            )

        add("cpu_usage_ratio", p.cpu_percent() / 100, "1")
        for number, percent in enumerate(p.cpu_percent(percpu=True)[:MOST]):
            add("cpu_core_usage_ratio", percent / 100, "1", core=str(number))
        add("load_average_1m", p.getloadavg()[0], "1")
        memory, swap = p.virtual_memory(), p.swap_memory()
        add("memory_used_ratio", memory.percent / 100, "1")
        add("memory_available_bytes", memory.available, "By")
        if swap.total:
            add("swap_used_ratio", swap.percent / 100, "1")
        for disk, io in sorted((p.disk_io_counters(perdisk=True) or {}).items())[:MOST]:
            add("disk_read_bytes_total", io.read_bytes, "By", "counter", disk=disk)
            add("disk_written_bytes_total", io.write_bytes, "By", "counter", disk=disk)
        for interface, net in sorted((p.net_io_counters(pernic=True) or {}).items())[:MOST]:
            add("network_received_bytes_total", net.bytes_recv, "By", "counter", interface=interface)
            add("network_sent_bytes_total", net.bytes_sent, "By", "counter", interface=interface)
            add("network_errors_total", net.errin + net.errout + net.dropin, "1", "counter", interface=interface)
        mounts = sorted({part.mountpoint for part in p.disk_partitions(all=False)} | {"/"})
        for mount in mounts[:MOST]:
            try:
                usage = p.disk_usage(mount)
            except OSError:  # not ours to look at, or gone since it was listed
                continue
            add("disk_used_ratio", usage.percent / 100, "1", mount=mount)
        for name, cores in self._busiest(now):
            add("process_cpu_cores", round(cores, 4), "1", service=name)
        return events

    def _busiest(self, now: float) -> list[tuple[str, float]]:
        """(process name, CPU cores it used since the last reading); empty at the first one."""
        spent: dict[tuple[int, float], float] = {}
        cores: dict[str, float] = {}
        elapsed = now - self._before if self._before is not None else 0.0
        for process in self._psutil.process_iter(["pid", "name", "cpu_times", "create_time"]):
            times, name = process.info["cpu_times"], process.info["name"]
            if times is None or not name:  # it ended meanwhile, or may not be read
                continue
            key = (process.info["pid"], process.info["create_time"])
            spent[key] = times.user + times.system
            if elapsed > 0:
                used = spent[key] - self._spent.get(key, spent[key])
                cores[name] = cores.get(name, 0.0) + max(0.0, used) / elapsed
        self._spent, self._before = spent, now
        if elapsed <= 0:
            return []
        for name in sorted(cores, key=lambda name: (-cores[name], name))[:3]:
            if name not in self._names and len(self._names) < MOST and cores[name] > 0.01:
                self._names.append(name)
        return [(name, cores.get(name, 0.0)) for name in self._names]


async def watch(interval: float = INTERVAL, *, host: str | None = None) -> AsyncGenerator[list[Event]]:
    """One list of native metric events every `interval` seconds, for ever. Raises MissingPsutilError."""
    machine = Machine(host)
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        yield await asyncio.to_thread(machine.read, time.time())
        due = max(due + interval, loop.time())  # after a suspended machine, go on; do not catch up
        await asyncio.sleep(due - loop.time())


async def publish_machine(
    bootstrap: str,
    interval: float = INTERVAL,
    *,
    topic: str = TOPIC,
    stop: asyncio.Event | None = None,
    report: Callable[[list[Event]], None] | None = None,
) -> int:
    """Send this machine's metrics to `topic` until `stop` is set or the task is cancelled; returns the events sent.

    `report` hears each reading that was sent.

    Raises MissingPsutilError, and PublishError if the broker is not there or refuses.
    """
    readings = watch(interval)
    events = await anext(readings)  # without psutil, say so before a broker is asked for
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, client_id="floodmark-machine")
    sent = 0
    try:
        await producer.start()
        while stop is None or not stop.is_set():
            key = events[0]["labels"]["host"].encode()
            await producer.send_and_wait(topic, orjson.dumps(events), key=key, timestamp_ms=events[0]["timestamp"])
            sent += len(events)
            if report is not None:
                report(events)
            events = await anext(readings)
    except KafkaError as error:
        raise PublishError(f"This machine's metrics could not be sent to {bootstrap}: {reason(error)}.") from error
    finally:
        await producer.stop()
        await readings.aclose()
    return sent
