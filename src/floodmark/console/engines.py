"""What the engines say of themselves: their /metrics and /readyz, asked every five seconds and kept for an hour."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from floodmark.console.contract import EngineRow, TaskRow
from floodmark.console.queries.status import Engines

EVERY: Final = 5.0
_KEPT: Final = 720
_TIMEOUT: Final = aiohttp.ClientTimeout(total=4.0)
_LARGEST: Final = 20_000_000
_MINUTE: Final = 60.0

Samples = dict[str, list[tuple[dict[str, str], float]]]


class Asked:
    """The engines at these addresses, by what they said last. `token`: the bearer token of their /metrics."""

    def __init__(self, urls: Sequence[str], token: str | None = None) -> None:
        self._urls = [each.rstrip("/").removesuffix("/metrics") for each in urls]
        self._token = token
        self._rows: dict[str, EngineRow] = {}
        self._samples: dict[str, Samples] = {}
        self.history: dict[str, deque[tuple[float, float]]] = defaultdict(lambda: deque(maxlen=_KEPT))

    async def run(self) -> None:
        """Ask until cancelled."""
        if not self._urls:
            return
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while True:
                await asyncio.gather(*(self._ask(session, each, headers) for each in self._urls))
                self._note(time.time())
                await asyncio.sleep(EVERY)

    def rows(self) -> list[EngineRow]:
        return [self._rows[each] for each in self._urls if each in self._rows]

    def tasks(self) -> list[TaskRow]:
        """One row a task: what it took, what waits for it, and what it holds."""
        found: dict[tuple[str, str, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        groups: dict[tuple[str, str], str] = {}
        for labels, value in self._all("floodmark_lag_records"):
            if (place := _place(labels)) is not None:
                groups[labels["topic"], labels["partition"]] = place[0]
                found[place]["behind"] += value
        for labels, value in self._all("floodmark_task_state"):
            column = _HELD.get(labels.get("kind", ""))
            if column and (place := _place(labels)) is not None:
                groups[labels["topic"], labels["partition"]] = place[0]
                found[place][column] += value
        for labels, value in self._all("floodmark_records_total"):  # counted by partition, for one group reads each
            group = groups.get((labels.get("topic", ""), labels.get("partition", "")), "")
            if (place := _place({**labels, "group": group})) is not None:
                found[place]["records"] += value
        return [
            TaskRow(
                group=group,
                topic=topic,
                partition=partition,
                records=row["records"],
                behind=row["behind"],
                series=row["series"],
                open=row["open"],
                waiting=row["waiting"],
            )
            for (group, topic, partition), row in sorted(found.items())
        ]

    def said(self) -> Engines:
        rows = self.rows()
        answering = [each for each in rows if not each.problem]
        series = [value for labels, value in self._all("floodmark_task_state") if labels.get("kind") == "series"]
        return Engines(
            self._behind(),
            all(each.ready for each in rows) and bool(answering) if rows else None,
            round(sum(series)) if series else None,
        )

    def _behind(self) -> float | None:
        """Seconds until what waits is read at the pace of the last minute; None if no engine answers, or nothing was
        read in it."""
        records, behind = self.history["records"], self.history["behind"]
        if not behind or not self._samples:
            return None
        if not behind[-1][1]:
            return 0.0
        since = next((each for each in records if each[0] >= records[-1][0] - _MINUTE), records[-1])
        pace = (records[-1][1] - since[1]) / max(1.0, records[-1][0] - since[0])
        return behind[-1][1] / pace if pace > 0 else None

    def _all(self, name: str) -> Iterable[tuple[dict[str, str], float]]:
        return (pair for samples in self._samples.values() for pair in samples.get(name, ()))

    async def _ask(self, session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
        try:
            async with session.get(f"{url}/metrics", headers=headers) as answer:
                if answer.status != 200:
                    raise ValueError(f"/metrics answered {answer.status}")
                text = (await answer.content.read(_LARGEST)).decode("utf-8", "replace")
            samples: Samples = defaultdict(list)
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    samples[sample.name].append((dict(sample.labels), float(sample.value)))
            async with session.get(f"{url}/readyz") as answer:
                said = await answer.json()
            version = next((labels.get("version", "") for labels, _ in samples.get("floodmark_build_info", ())), "")
            reasons = said.get("reasons", []) if isinstance(said, dict) else []
            self._rows[url] = EngineRow(
                url=url,
                version=version,
                ready=answer.status == 200,
                reasons=[str(r)[:500] for r in reasons][:20],
                problem="",
            )
            self._samples[url] = samples
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            self._samples.pop(url, None)
            why = str(error) or "it did not answer in time"
            self._rows[url] = EngineRow(url=url, version="", ready=False, reasons=[], problem=why[:500])

    def _note(self, now: float) -> None:
        sums = {
            "behind": sum(value for _, value in self._all("floodmark_lag_records")),
            "records": sum(value for _, value in self._all("floodmark_records_total")),
            "memory": sum(value for _, value in self._all("process_resident_memory_bytes")),
        }
        for name, value in sums.items():
            self.history[name].append((now, value))


_HELD: Final = {
    "series": "series",
    "open_alarms": "open",
    "open_incidents": "open",
    "waiting": "waiting",
    "waiting_rows": "waiting",
}
"""Kinds of `floodmark_task_state`, by the column that shows them."""


def _place(labels: dict[str, str]) -> tuple[str, str, int] | None:
    number = labels.get("partition", "")
    return (labels.get("group", ""), labels["topic"], int(number)) if number.isdecimal() and "topic" in labels else None
