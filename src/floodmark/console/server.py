"""The process behind the pages: requests in, answers of the view out. What is refused says why in a sentence.

A request passes, in this order: headers of every answer, the door (who asks; `auth/`), what a write must show (its own
origin, X-Floodmark, a person's patience), the route, and at its end a measure.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec
import structlog
from aiohttp import web
from msgspec.structs import replace
from prometheus_client.exposition import choose_encoder

from floodmark import __version__
from floodmark.actions import Action
from floodmark.config.models import Config
from floodmark.console import acting, contract
from floodmark.console.auth import Doorkeeper, TurnedAwayError
from floodmark.console.auth.oidc import OidcError
from floodmark.console.auth.rates import Rates
from floodmark.console.engines import Asked
from floodmark.console.folding import unpack
from floodmark.console.live import Crowd, Follower
from floodmark.console.openapi import openapi
from floodmark.console.pages import HEADERS, pages, sign_in
from floodmark.console.queries import anomalies, audit, engine, incident, incidents, models, oncall, search, status
from floodmark.console.queries.cursors import CursorError
from floodmark.console.queries.rows import COLUMNS, row
from floodmark.console.reader import Reader
from floodmark.console.reporting.answering import Answer, NotAskedWellError
from floodmark.console.reporting.routes import Reports
from floodmark.console.retrying import LetterError, letter_of, send_again
from floodmark.console.rights import Person, may, why_not
from floodmark.console.routes import BASE, ROUTES, ParameterError, Route, read
from floodmark.console.store import Event, View
from floodmark.console.telemetry import Telemetry
from floodmark.notify.routes import facts_of
from floodmark.runtime.errors import RunError

log = structlog.get_logger(__name__)

PERSON: Final = web.RequestKey("person", Person)
"""Who asks, on a request that passed the door."""
BODY: Final = 65_536
"""Largest body of a request."""
ACTIONS: Final = 60
"""Actions in a minute, of one person."""
_BEAT: Final = 15.0
_STATUS: Final = 5.0
_NO_STORE: Final = {"Cache-Control": "no-store"}
_HOUR: Final = 3_600.0
_ENCODE: Final = msgspec.json.Encoder(enc_hook=str).encode
_OPEN: Final = frozenset({"/healthz", "/readyz", "/login", "/logout", "/callback", "/favicon.ico"})
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ProblemError(Exception):
    """An answer that is a problem (RFC 9457)."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        pointer: str = "",
        current: contract.IncidentRow | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.detail, self.pointer, self.current = status, detail, pointer, current
        self.headers = dict(headers or {})
        super().__init__(detail)


class Server:
    """Answers requests out of a view. `take_over` gives it another config while it runs."""

    def __init__(
        self,
        config: Config,
        view: View,
        reader: Reader,
        writer: acting.Writer,
        doorkeeper: Doorkeeper,
        asked: Asked,
        telemetry: Telemetry,
        base: str,
    ) -> None:
        """`base`: the address by which people come."""
        self._config = config
        self._view = view
        self._reader = reader
        self._writer = writer
        self._door = doorkeeper
        self._asked = asked
        self._telemetry = telemetry
        self._base = base
        self._pages = pages()
        self._openapi = msgspec.json.encode(openapi())
        self._patience = Rates(ACTIONS)
        self._reports = Reports(view, lambda: asked.said().series)
        self._stopping = asyncio.Event()
        self.crowd = Crowd()

    def take_over(self, config: Config) -> None:
        """Go on with another config."""
        self._config = config
        self._door.take_over(config.console.auth)

    def stop(self) -> None:
        """Let those go who follow live events."""
        self._stopping.set()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._measured, self._guarded], client_max_size=BODY)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/login", self._login)
        app.router.add_post("/login", self._signed_in)
        app.router.add_post("/logout", self._signed_out)
        app.router.add_get("/callback", self._called_back)
        app.router.add_get("/static/{path:.+}", self._static)
        app.router.add_get(f"{BASE}/openapi.json", self._document)
        for route in ROUTES:
            app.router.add_route(route.method, BASE + route.path, self._routed(route), name=route.name)
        app.router.add_get("/{path:(?!api/).*}", self._index)
        return app

    # --- what every request passes

    @web.middleware
    async def _measured(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        began = time.perf_counter()
        answer: web.StreamResponse
        try:
            answer = await handler(request)
        except ProblemError as error:
            answer = _problem(error)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            words = {404: "There is no such page.", 405: "That method is not known here."}
            detail = words.get(error.status, error.reason)
            answer = _problem(ProblemError(error.status, detail))
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a request failed (a bug in Floodmark, please report it)", path=request.path)
            answer = _problem(ProblemError(500, "Something is wrong with the console; its log says what."))
        if not answer.prepared:
            for name, value in HEADERS.items():
                answer.headers.setdefault(name, value)
        info = request.match_info.route
        own = "static" if request.path.startswith("/static/") else "page"
        name = info.name or (request.path[1:] if request.path in _OPEN else own)
        if name != "live":
            self._telemetry.requests.labels(name, str(answer.status)).observe(time.perf_counter() - began)
        return answer

    @web.middleware
    async def _guarded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        path = request.path
        if path in _OPEN or path.startswith("/static/") or (path == "/metrics" and self._measures(request)):
            return await handler(request)
        if self._door.auth.kind == "none" and not self._is_near(request):
            raise ProblemError(403, "Without a sign-in the console is called by localhost, and by no other name.")
        try:
            person = self._door.person(request)
            if not person.grants and person.kind in ("oidc", "proxy", "basic"):
                raise TurnedAwayError(
                    403, f"{person.name} may not see this console: no group of theirs is in its config."
                )
        except TurnedAwayError as error:
            wants_page = request.method == "GET" and not path.startswith(("/api/", "/metrics"))
            if error.status == 401 and wants_page and self._door.auth.kind in ("token", "basic", "oidc"):
                raise web.HTTPFound(f"/login?to={quote(request.path_qs, safe='')}") from error
            raise ProblemError(error.status, error.words, headers=error.headers) from error
        request[PERSON] = person
        if request.method not in ("GET", "HEAD"):
            self._own(request, person)
        return await handler(request)

    def _is_near(self, request: web.Request) -> bool:
        """Whether it is called by a name of this machine: a page elsewhere may have its own name lead here."""
        name = urlsplit(f"//{request.host}").hostname
        return name in ("localhost", "127.0.0.1", "::1") or name == urlsplit(self._base).hostname

    def _measures(self, request: web.Request) -> bool:
        """Whether it shows `http.token`, as whoever collects the metrics of all processes does."""
        token = self._config.http.token
        given = request.headers.get("Authorization", "").partition(" ")[2].strip()
        return token is not None and hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), token.get_secret_value().encode()
        )

    def _own(self, request: web.Request, person: Person) -> None:
        """A write comes from our own page, or from a program with a token. Raises ProblemError."""
        origin = request.headers.get("Origin")
        if person.kind == "token" and not person.session and origin is None:
            return  # no browser sends such a header by itself
        if origin is None or not self._is_own(origin, request):
            raise ProblemError(403, "This came from another page than the console's own.")
        if request.headers.get("X-Floodmark") != "1":
            raise ProblemError(403, "A write needs the header X-Floodmark: 1.")

    def _is_own(self, origin: str, request: web.Request) -> bool:
        """The address by which people come, as the config has it; without one, that of the request, on loopback."""
        if origin == self._base:
            return True
        if self._config.console.url:
            return False
        parts = urlsplit(origin)
        return parts.netloc == request.host and parts.hostname in ("localhost", "127.0.0.1", "::1")

    # --- pages, and the door

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        lag = self._reader.lag()
        reasons = [f"Kafka is away: {lag.away}"] if lag.away else []
        reasons += ["what was told before is being read"] if lag.building else []
        return web.json_response(
            {"status": "not ready" if reasons else "ready", "reasons": reasons}, status=503 if reasons else 200
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._telemetry.registry), headers={"Content-Type": content_type})

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return self._file(request, "index.html")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        return self._file(request, request.match_info["path"])

    def _file(self, request: web.Request, name: str) -> web.StreamResponse:
        page = self._pages.get(name)
        if page is None:
            raise web.HTTPNotFound
        headers = {"ETag": page.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", "Content-Type": page.kind}
        if request.headers.get("If-None-Match") == page.tag:
            return web.Response(status=304, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=page.packed, headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=page.body, headers=headers)

    async def _document(self, _: web.Request) -> web.Response:
        return web.Response(body=self._openapi, content_type="application/json")

    async def _login(self, request: web.Request) -> web.Response:
        return self._form(_inside(request.query.get("to", "/")), "")

    def _form(self, to: str, words: str, status: int = 200) -> web.Response:
        body = sign_in(self._door.auth.kind, to, words)
        return web.Response(text=body, status=status, content_type="text/html", headers=_NO_STORE)

    async def _signed_in(self, request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is not None and origin != "null" and not self._is_own(origin, request):
            raise ProblemError(403, "This came from another page than the console's own.")
        form = await request.post()
        to = _inside(str(form.get("to", "/")))
        kind = self._door.auth.kind
        if kind == "oidc" and self._door.provider is not None:
            try:
                where, state = await self._door.provider.begin(to)
            except OidcError as error:
                return self._form(to, str(error), 502)
            answer = web.Response(status=303, headers={"Location": where, **_NO_STORE})
            self._set(answer, f"{self._door.cookie}-state", state, 600)
            return answer
        if kind not in ("basic", "token"):
            raise web.HTTPNotFound
        name, secret = str(form.get("name", "")), str(form.get("secret", ""))
        try:
            session = await asyncio.to_thread(self._door.signed_in, name, secret, request.remote or "")
        except TurnedAwayError as error:
            return self._form(to, error.words, error.status)
        if session is None:
            log.warning("a sign-in failed", address=request.remote)
            return self._form(to, "That is not right.", 401)
        return self._begun(session, to)

    async def _called_back(self, request: web.Request) -> web.StreamResponse:
        provider = self._door.provider
        if provider is None:
            raise web.HTTPNotFound
        if "error" in request.query:
            return self._form("/", f"The provider said no: {request.query['error'][:100]}", 401)
        state = request.cookies.get(f"{self._door.cookie}-state", "")
        try:
            given = (request.query.get("code", ""), request.query.get("state", ""))
            name, groups, to = await provider.end(*given, state)
        except OidcError as error:
            log.warning("a sign-in failed", reason=str(error), address=request.remote)
            return self._form("/", str(error), 401)
        return self._begun(self._door.begin(name, groups), to)

    def _begun(self, session: str, to: str) -> web.Response:
        answer = web.Response(status=303, headers={"Location": to, **_NO_STORE})
        self._set(answer, self._door.cookie, session, int(self._door.auth.session))
        answer.del_cookie(f"{self._door.cookie}-state", path="/", secure=self._door.secure)
        return answer

    def _set(self, answer: web.Response, name: str, value: str, seconds: int) -> None:
        answer.set_cookie(
            name, value, max_age=seconds, path="/", secure=self._door.secure, httponly=True, samesite="Lax"
        )

    async def _signed_out(self, request: web.Request) -> web.StreamResponse:
        if (origin := request.headers.get("Origin")) is not None and not self._is_own(origin, request):
            raise ProblemError(403, "This came from another page than the console's own.")
        if id := request.cookies.get(self._door.cookie, ""):
            self._door.sessions.end(id, time.time())
        answer = web.Response(status=303, headers={"Location": "/login", **_NO_STORE})
        answer.del_cookie(self._door.cookie, path="/", secure=self._door.secure)
        return answer

    # --- the API

    def _routed(self, route: Route) -> _Handler:
        method: Callable[..., Awaitable[Any]] = getattr(
            self, f"_get_{route.name}" if route.method == "GET" else f"_{route.name}"
        )

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                found = await method(request, **_arguments(read(route.query, request.query)))
            except ParameterError as error:
                raise ProblemError(400, str(error), pointer=f"/{error.name}") from error
            except CursorError as error:
                raise ProblemError(400, str(error), pointer="/cursor") from error
            except sqlite3.DatabaseError as error:
                log.error("the view cannot be asked", reason=str(error))
                raise ProblemError(503, "The console's view is not there just now; it is read again.") from error
            if isinstance(found, web.StreamResponse):
                return found
            if found is None:
                raise ProblemError(404, "There is no such thing here (any more).")
            return _json(found)

        return handle

    async def _ask(self, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """A query, in a thread with a connection of its own."""

        def work() -> Any:
            with self._view.reading() as db:
                return function(db, *args, **more)

        return await asyncio.to_thread(work)

    async def _get_status(self, _: web.Request) -> contract.Status:
        return await self._status()

    async def _status(self) -> contract.Status:
        lag, said = self._reader.lag(), self._asked.said()
        found: contract.Status = await self._ask(status.status, time.time(), lag, said, self._view.rebuilt)
        return found

    async def _get_me(self, request: web.Request) -> contract.Me:
        person: Person = request[PERSON]
        notify = self._config.notify
        return contract.Me(
            name=person.name,
            role=person.role,
            kind=person.kind,  # type: ignore[arg-type]
            may=may(person),
            people=sorted(notify.people) if notify is not None else [],
            schedules=sorted(notify.schedules) if notify is not None else [],
            version=__version__,
            verbs=sorted(person.verbs) if person.verbs is not None else None,
        )

    async def _get_incidents(self, request: web.Request, **given: Any) -> contract.IncidentList:
        owner = given.get("owner")
        found: contract.IncidentList = await self._ask(
            incidents.incidents,
            groups=[each for each in given.get("state", "").split(",") if each] or ("needs", "handled", "resolved"),
            least=given.get("severity", "info"),
            scope=given.get("scope"),
            entity=given.get("entity") or None,
            owner=request[PERSON].name if owner == "me" else owner,
            words=given.get("q", ""),
            since=given.get("since"),
            until=given.get("until"),
            sort="urgency" if given.get("sort") == "urgency" else "newest",
            start=given.get("cursor", ""),
            limit=given.get("limit", 100),
        )
        return found

    async def _get_incident(self, request: web.Request) -> contract.IncidentPage | None:
        id = request.match_info["id"]
        person: Person = request[PERSON]

        def whole(db: sqlite3.Connection) -> contract.IncidentPage | None:
            page = incident.incident(db, self._config, id, time.time())
            if page is None or page.incident is None:
                return page
            facts = facts_of(page.incident, self._config.services)
            return replace(page, may=may(person, facts), effective=acting.effective(db, self._config, page.incident))

        return await self._ask(whole)  # type: ignore[no-any-return]

    async def _get_history(self, request: web.Request) -> Any:
        return await self._ask(incident.history, request.match_info["id"]) or None

    async def _get_lanes(self, request: web.Request, cursor: str = "") -> Any:
        return await self._ask(incident.lanes, request.match_info["id"], cursor)

    async def _range(self, since: float | None, until: float | None, hours: float = 48.0) -> tuple[float, float]:
        """The stretch that is meant; left out, the last hours by event time."""
        if until is None:
            reached = (await self._status()).reached
            until = reached.timestamp() if reached is not None else time.time()
        return (until - hours * _HOUR if since is None else since), until

    async def _get_water(self, _: web.Request, since: Any = None, until: Any = None, bucket: float = 600.0) -> Any:
        return await self._ask(incidents.water, *await self._range(since, until), bucket)

    async def _get_heat(
        self,
        _: web.Request,
        since: Any = None,
        until: Any = None,
        bucket: float = 600.0,
        by: str = "entity",
        entity: str = "",
    ) -> Any:
        start, end = await self._range(since, until)
        return await self._ask(
            anomalies.heat, start, end, bucket=bucket, by="series" if by == "series" else "entity", entity=entity
        )

    async def _get_anomalies(self, _: web.Request, **given: Any) -> Any:
        return await self._ask(
            anomalies.anomalies,
            since=given.get("since"),
            until=given.get("until"),
            entity=given.get("entity") or None,
            series=given.get("series") or None,
            signal=given.get("signal") or None,
            head=given.get("head") or None,
            most=given.get("p_max"),
            start=given.get("cursor", ""),
            limit=given.get("limit", 100),
        )

    async def _get_anomaly(self, request: web.Request) -> Any:
        return await self._ask(anomalies.anomaly, request.match_info["id"])

    async def _get_topology(self, _: web.Request, at: float | None = None) -> Any:
        return await self._ask(anomalies.topology, self._config, at)

    async def _get_changes(
        self, _: web.Request, since: Any = None, until: Any = None, cursor: str = "", limit: int = 100
    ) -> Any:
        return await self._ask(anomalies.changes, since, until, cursor, limit)

    async def _get_search(self, _: web.Request, q: str = "") -> Any:
        return await self._ask(search.search, q)

    async def _get_models(self, _: web.Request) -> Any:
        return await self._ask(models.models)

    async def _get_model(self, request: web.Request, since: Any = None, until: Any = None) -> Any:
        return await self._ask(models.model, request.match_info["model"], request.match_info["version"], since, until)

    async def _get_oncall(self, _: web.Request, at: Any = None, since: Any = None, until: Any = None) -> Any:
        return await self._ask(oncall.oncall, self._config, time.time() if at is None else at, since, until)

    async def _get_route_test(self, _: web.Request, incident: str = "") -> Any:
        return await self._ask(oncall.route_test, self._config, incident)

    async def _get_silences(self, _: web.Request) -> Any:
        return await self._ask(oncall.silences, self._config, time.time())

    async def _get_preview(self, _: web.Request, match: Any = None) -> Any:
        return await self._ask(oncall.preview, self._config, match or {}, time.time())

    async def _get_deliveries(self, _: web.Request, failed: bool = False, incident: str = "", cursor: str = "") -> Any:
        return await self._ask(oncall.deliveries, failed=failed, incident=incident or None, start=cursor)

    async def _get_weekly(self, _: web.Request, **given: str) -> web.Response:
        return await self._reported(self._reports.weekly, self._config, given, datetime.now(UTC))

    async def _get_postmortem(self, request: web.Request, **given: str) -> web.Response:
        id = request.match_info["id"]
        return await self._reported(self._reports.postmortem, self._config, id, given, datetime.now(UTC))

    async def _reported(self, made: Callable[..., Answer | None], *args: Any) -> web.Response:
        """A report, as a download if it is no JSON."""
        try:
            answer = await asyncio.to_thread(made, *args)
        except NotAskedWellError as error:
            raise ProblemError(400, str(error), pointer=f"/{error.parameter}") from error
        if answer is None:
            raise ProblemError(404, "There is no such thing here (any more).")
        kept = {"Content-Disposition": f'attachment; filename="{answer.name}"'} if answer.name else {}
        return web.Response(body=answer.body, headers={"Content-Type": answer.media, **_NO_STORE, **kept})

    async def _get_engine(self, _: web.Request) -> Any:
        asked = self._asked
        return await self._ask(
            engine.engine,
            self._config,
            time.time(),
            engines=asked.rows(),
            tasks=asked.tasks(),
            history={name: list(points) for name, points in asked.history.items()},
            series=asked.said().series,
            size=self._view.size(),
            rebuilt=self._view.rebuilt,
        )

    async def _get_dead_letters(self, _: web.Request, error: str = "", origin: str = "") -> Any:
        return await self._ask(engine.dead_letters, error, origin)

    async def _get_dead_letter(self, request: web.Request) -> Any:
        try:
            partition, offset = int(request.match_info["partition"]), int(request.match_info["offset"])
        except ValueError:
            return None
        try:
            return await letter_of(self._config, partition, offset)
        except LetterError as error:
            raise ProblemError(error.status, str(error)) from error

    async def _retry(self, request: web.Request) -> Any:
        person: Person = request[PERSON]
        if why := why_not(person, "retry"):
            raise ProblemError(403, why)
        asked = _decoded(await self._read(request), contract.Retrying)
        self._hurry(person)
        try:
            done = await send_again(self._config, asked)
        except RunError as error:
            raise ProblemError(503, str(error)) from error
        if not asked.dry_run:
            log.info("dead letters were sent again", by=person.name, count=done.count)
        return done

    async def _get_audit(self, _: web.Request, **given: Any) -> Any:
        return await self._ask(
            audit.audit,
            time.time(),
            by=given.get("by"),
            verb=given.get("verb"),
            incident=given.get("incident"),
            start=given.get("cursor", ""),
            limit=given.get("limit", 100),
        )

    async def _get_export(self, request: web.Request) -> web.StreamResponse:
        headers = {"Content-Disposition": 'attachment; filename="floodmark-actions.jsonl"', **HEADERS}
        answer = web.StreamResponse(headers=headers)
        answer.content_type = "application/x-ndjson"
        await answer.prepare(request)
        number = 0
        while rows := await self._ask(_acts_after, number):
            number = rows[-1][0]
            await answer.write(b"".join(body + b"\n" for _, body in rows))
        await answer.write_eof()
        return answer

    async def _act(self, request: web.Request) -> web.StreamResponse:
        person: Person = request[PERSON]
        self._hurry(person)
        if self._config.actions is None:
            raise ProblemError(409, "The config has no `actions`: nobody would hear it. Add `actions: {}`.")
        verb, key = "unknown", request.headers.get("Idempotency-Key", "")
        try:
            asked, args = acting.read(await self._read(request))
            verb = asked.verb
            if key and (again := await self._ask(_done_before, key, person.name)):
                return _json(again, 202)
            now = datetime.now(UTC)
            action: Action = await self._ask(acting.made, self._config, person, asked, args, key, now)
        except acting.RefusedError as error:
            self._telemetry.actions.labels(verb, "refused").inc()
            await self._refused(request, person, verb, key, error)
            raise await self._late(request, error) from error
        try:
            offset = await self._writer.write(action)
        except acting.NotSentError as error:
            self._telemetry.actions.labels(verb, "failed").inc()
            raise ProblemError(503, str(error), headers={"Retry-After": "5"}) from error
        self._telemetry.actions.labels(verb, "written").inc()
        log.info(
            "acted",
            id=action.id,
            verb=action.verb,
            incident=action.incident,
            by=action.by,
            address=request.remote,
            session=person.session[:8],
        )
        await self._told(action)
        return _json(contract.Acted(id=action.id, offset=offset, action=action), 202)

    async def _told(self, action: Action) -> None:
        """A dismissal is said to detection, too."""
        if action.verb != "dismiss" or self._config.feedback is None:
            return
        meant = await self._ask(acting.known, action.incident)
        for verdict in acting.verdicts(action, meant) if meant is not None else []:
            with contextlib.suppress(acting.NotSentError):
                await self._writer.say(verdict)

    async def _refused(
        self, request: web.Request, person: Person, verb: str, key: str, error: acting.RefusedError
    ) -> None:
        """Keep for the audit what somebody was not allowed, or too late for."""
        if error.status not in (403, 409):
            return
        try:
            asked = msgspec.json.decode(await request.read(), type=contract.Acting)
            action = Action(
                id=f"refused-{time.time_ns():x}",
                verb=verb[:40],
                by=person.name,
                at=datetime.now(UTC),
                incident=asked.incident[:200],
                via="console",
                reason=asked.reason[:1_000],
            )
            await asyncio.to_thread(self._view.refuse, action, error.words)
        except (msgspec.MsgspecError, sqlite3.Error, UnicodeError):
            log.warning("a refusal could not be kept", verb=verb, by=person.name)

    async def _late(self, request: web.Request, error: acting.RefusedError) -> ProblemError:
        current = None
        if error.status == 409:
            asked = msgspec.json.decode(await request.read(), type=contract.Acting)
            current = await self._ask(_row, asked.incident)
        return ProblemError(error.status, error.words, pointer=error.pointer, current=current)

    def _hurry(self, person: Person) -> None:
        now = time.monotonic()
        if wait := self._patience.wait(person.name, now):
            seconds = str(max(1, round(wait)))
            raise ProblemError(429, f"That is more than {ACTIONS} in a minute; come again in {seconds} s.",
                               headers={"Retry-After": seconds})  # fmt: skip
        self._patience.note(person.name, now)

    async def _read(self, request: web.Request) -> bytes:
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise ProblemError(413, f"The body is larger than {BODY} bytes.") from error

    # --- live

    async def _get_live(self, request: web.Request, since: int | None = None) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **HEADERS})
        answer.content_type = "text/event-stream"
        await answer.prepare(request)
        last = request.headers.get("Last-Event-ID", "")
        since = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else since
        follower = Follower()
        self.crowd.followers.add(follower)
        self._telemetry.clients.inc()
        try:
            async for chunk in self._stream(follower, since):
                await answer.write(chunk)
        except (ConnectionResetError, ConnectionError):
            pass
        finally:
            self.crowd.followers.discard(follower)
            self._telemetry.clients.dec()
        return answer

    async def _stream(self, follower: Follower, since: int | None) -> AsyncIterator[bytes]:
        now = await self._status()
        yield b"retry: 2000\n" + _event(contract.Live(kind="status", sequence=now.sequence, status=now))
        if since is not None:
            missed = await asyncio.to_thread(self._view.since, since)
            if missed is None:
                yield _event(contract.Live(kind="gap", sequence=now.sequence))
            else:
                for each in await self._shown(missed):
                    yield each
        beat = said = time.monotonic()
        while not self._stopping.is_set():
            news = await follower.news(1.0)
            moment = time.monotonic()
            if news is None:
                self._telemetry.gaps.inc()
                yield _event(contract.Live(kind="gap", sequence=(await self._status()).sequence))
            elif news:
                for each in await self._shown(news):
                    yield each
            if moment - said >= _STATUS:
                now, said = await self._status(), moment
                yield _event(contract.Live(kind="status", sequence=now.sequence, status=now))
            if moment - beat >= _BEAT:
                beat = moment
                yield b": here\n\n"

    async def _shown(self, events: Sequence[Event]) -> list[bytes]:
        """Events with the row of each incident as it is now."""
        return await self._ask(_written, events)  # type: ignore[no-any-return]


def _written(db: sqlite3.Connection, events: Sequence[Event]) -> list[bytes]:
    shown = []
    for each in events:
        if each.kind not in ("incident", "anomaly", "action", "delivery", "report"):
            continue
        kind: Any = each.kind
        found = _row(db, each.id) if kind == "incident" else None
        shown.append(_event(contract.Live(kind=kind, sequence=each.sequence, id=each.id, row=found)))
    return shown


def _event(live: contract.Live) -> bytes:
    return b"event: %s\nid: %d\ndata: %s\n\n" % (live.kind.encode(), live.sequence, _ENCODE(live))


def _row(db: sqlite3.Connection, id: str) -> contract.IncidentRow | None:
    found = db.execute(f"SELECT {COLUMNS} FROM incident WHERE id=?", (id,)).fetchone()
    return None if found is None else row(*found)


def _done_before(db: sqlite3.Connection, id: str, by: str) -> contract.Acted | None:
    found = db.execute("SELECT offset, body FROM action WHERE id=? AND by=?", (id, by)).fetchone()
    return None if found is None else contract.Acted(id=id, offset=found[0], action=unpack(found[1], Action))


def _acts_after(db: sqlite3.Connection, number: int) -> list[tuple[int, bytes]]:
    found = db.execute("SELECT number, body FROM action WHERE number > ? ORDER BY number LIMIT 500", (number,))
    return [(at, msgspec.json.encode(unpack(body, Action))) for at, body in found]


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    """`from` is a word of Python's."""
    names = {"from": "since", "to": "until"}
    return {names.get(name, name): value for name, value in given.items()}


def _decoded(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        words = f"The body cannot be read: {error}"
        raise ProblemError(400, words, pointer=acting.pointer(str(error))) from error


def _inside(to: str) -> str:
    """A path of ours, or the first page: nobody is sent elsewhere by signing in."""
    plain = to.startswith("/") and not to.startswith(("//", "/\\")) and "\\" not in to and to.isprintable()
    return to if plain and len(to) < 2_000 and not to.startswith(("/login", "/logout", "/callback")) else "/"


def _json(found: Any, status: int = 200) -> web.Response:
    return web.Response(body=_ENCODE(found), status=status, content_type="application/json", headers=_NO_STORE)


def _problem(error: ProblemError) -> web.Response:
    titles = {
        400: "It cannot be read", 401: "Nobody is signed in", 403: "It is not allowed", 404: "It is not there",
        405: "That method is not known", 409: "It is otherwise now", 413: "It is too large", 429: "It is too much",
        500: "A mistake of ours", 502: "The provider fails", 503: "It is not there just now",
    }  # fmt: skip
    body = contract.Problem(
        title=titles.get(error.status, "It failed"),
        status=error.status,
        detail=error.detail,
        pointer=error.pointer,
        current=error.current,
    )
    return web.Response(
        body=_ENCODE(body),
        status=error.status,
        content_type="application/problem+json",
        headers={**_NO_STORE, **error.headers},
    )
