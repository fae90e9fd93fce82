"""An idle machine's readings, as `Machine.read` gives them, with a CPU burn and a memory step where wanted."""

from __future__ import annotations

import random

import orjson

from floodmark.records import Record
from floodmark.simulate.machine import INTERVAL, TOPIC

START = 1_750_000_000.0
GIB = 2.0**30
CORES = 4
TOTAL = 16 * GIB


class Idle:
    """A desktop with nothing to do: timers each few seconds, a chore each minute or so, a journal that is written in
    bursts, a network that hums. `burn` and `step` are (begin, end) in seconds from the start."""

    def __init__(self, seed: int, *, burn: tuple[float, float] = (0, 0), step: tuple[float, float] = (0, 0)) -> None:
        self._draw = random.Random(seed)
        self._burn, self._step = burn, step
        self._load = self._draw.uniform(0.02, 0.3)
        self._used = self._draw.uniform(0.15, 0.45) * TOTAL
        self._usual = self._draw.uniform(0.005, 0.04)
        self._written = self._received = 0.0
        self._chore = 0

    def events(self, elapsed: float) -> list[dict[str, object]]:
        draw = self._draw
        burning = self._burn[0] <= elapsed < self._burn[1]
        if draw.random() < 0.02:  # a cron job, an update check, a tab that reloads
            self._chore = draw.randint(1, 3)
        self._chore -= self._chore > 0
        chore = draw.uniform(0.1, 0.9) if self._chore else 0.0
        cores = [min(1.0, draw.expovariate(1 / self._usual) + (chore if i == 0 else 0.0)) for i in range(CORES)]
        if burning:
            cores = [draw.uniform(0.97, 1.0) for _ in cores]
        cpu = sum(cores) / CORES
        self._load += (CORES * cpu - self._load) * (1 - 2.718281828 ** (-INTERVAL / 60))
        self._used += draw.gauss(0, 3e6) + (0.4 * GIB - self._used + self._used) * 0.0
        stepped = 2 * GIB if self._step[0] <= elapsed < self._step[1] else 0.0
        used = self._used + stepped
        self._written += draw.expovariate(1 / 40_000) if draw.random() < 0.7 else draw.expovariate(1 / 1_500_000)
        self._received += draw.expovariate(1 / 2_000) if draw.random() < 0.9 else draw.expovariate(1 / 200_000)
        now = START + elapsed
        out: list[dict[str, object]] = []

        def add(name: str, value: float, unit: str, kind: str = "gauge", **labels: str) -> None:
            labels = {"host": "box", **labels}
            out.append({"timestamp": round(now * 1000), "name": name, "value": value, "labels": labels, "kind": kind,
                        "unit": unit})  # fmt: skip

        add("cpu_usage_ratio", round(cpu, 3), "1")
        for i, core in enumerate(cores):
            add("cpu_core_usage_ratio", round(core, 3), "1", core=str(i))
        add("load_average_1m", round(self._load, 2), "1")
        add("memory_used_ratio", round(used / TOTAL, 3), "1")
        add("memory_available_bytes", TOTAL - used, "By")
        add("disk_read_bytes_total", 1e9, "By", "counter", disk="sda")
        add("disk_written_bytes_total", 1e9 + self._written // 4096 * 4096, "By", "counter", disk="sda")
        add("network_received_bytes_total", 1e9 + self._received, "By", "counter", interface="eth0")
        add("network_sent_bytes_total", 1e9 + self._received / 7, "By", "counter", interface="eth0")
        add("network_errors_total", 0, "1", "counter", interface="eth0")
        add("disk_used_ratio", round(0.4 + elapsed * 1e-9, 3), "1", mount="/")
        add("process_cpu_cores", round(cores[0] * 0.6, 4), "1", service="python")
        if burning:
            add("process_cpu_cores", round(CORES * 0.98, 4), "1", service="yes")
        return out

    def records(self, seconds: float) -> list[Record]:
        """One record each reading."""
        readings = range(int(seconds / INTERVAL))
        return [
            Record(TOPIC, 0, i, round((START + i * INTERVAL) * 1000), b"box", orjson.dumps(self.events(i * INTERVAL)))
            for i in readings
        ]
