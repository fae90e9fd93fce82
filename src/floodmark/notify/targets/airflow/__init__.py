"""Airflow 3: a request is a run of a DAG, by its REST API v2.

The run is called `floodmark-ID`, so that Airflow itself refuses a second one (409). `logical_date` must be there, and
is null: the run is of no schedule.
"""

from __future__ import annotations

from collections.abc import Mapping

from floodmark.config import targets
from floodmark.notify.sink import Answer, Delivered, Event, Exchange, Message, Outcome, Refused, settled
from floodmark.notify.targets.authorization import bearer
from floodmark.notify.targets.conversation import asked, at, posted, said
from floodmark.notify.targets.handed import conf

_NOTE = 1_000


def sink(settings: targets.Airflow, exchange: Exchange) -> Airflow:
    return Airflow(settings, exchange)


class Airflow:
    """Starts a run of one DAG."""

    takes: frozenset[Event] = frozenset({"request"})

    def __init__(self, settings: targets.Airflow, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if message.request is None:
            return Refused("only requests about models start runs")
        headers = await self._proof()
        if isinstance(headers, Answer):
            return settled(headers)
        dag, run = at(self._settings.url, "api", "v2", "dags", self._settings.dag), f"floodmark-{message.request.id}"
        if message.test:
            return settled(await asked(self._exchange, dag, headers), memory)
        body = {"dag_run_id": run, "logical_date": None, "conf": conf(message.request)}
        body["note"] = f"{message.request.by}: {message.request.why}"[:_NOTE]
        answer = await posted(self._exchange, at(dag, "dagRuns"), body, headers)
        if answer.status != 409 and not 200 <= answer.status < 300:
            return settled(answer)
        paused = said(await asked(self._exchange, dag, headers)).get("is_paused") is True
        note = f"the DAG {self._settings.dag} is paused: the run waits until it is not" if paused else ""
        return Delivered({"run": run}, note)

    async def _proof(self) -> dict[str, str] | Answer:
        """The header that says who we are; the answer of the token endpoint, if it gives no token."""
        settings = self._settings
        if settings.token is not None:
            return bearer(settings.token)
        if settings.username is None or settings.password is None:
            return {}
        credentials = {"username": settings.username, "password": settings.password.get_secret_value()}
        answer = await posted(self._exchange, at(settings.url, "auth", "token"), credentials, {})
        token = said(answer).get("access_token")
        if not 200 <= answer.status < 300:
            return answer._replace(body=b"no token was given for this user name and password")
        return {"authorization": f"Bearer {token}"}
