"""The rules and dashboards in deploy/ on a real Prometheus that scrapes a real run: they parse, and have an answer.

The engine, the notifier, the gateway and the console run as processes on Apache Kafka, people and systems do something,
and every expression is asked. Then the engine is killed, and Alertmanager hears of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import senders
from aiohttp import ClientSession, web
from apache_kafka import free_ports
from ruamel.yaml import YAML
from test_end_to_end import FLOODMARK, SIGNALS, answer, call, create_topics, publish, read_until, send, until

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "floodmark.rules.yaml"
CASES = DEPLOY / "prometheus" / "floodmark.rules.test.yaml"
HAS_CONSOLE = call("console", "--help").returncode == 0
SECRET = "of-the-tests-of-monitoring"
QUIET = {
    "Held back on purpose": "nothing is held back in so short a run",
    "Not joined, an hour": "every prediction has its outcome",
    "Features left out, an hour": "all features can be watched",
    "What desks do besides, an hour": "desks count little in so short a run",
    "floodmark_state_store_failures_total": "the store does not fail",
    "floodmark_records_lost_total": "nothing is lost",
}
"""Panels, and names, of which there may be no sample, and why."""
pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def debians(request: pytest.FixtureRequest) -> Path:
    """Prometheus and Alertmanager, if they are here already, or if this run is for them."""
    if not senders.has_debians() and "deploy" not in request.config.getoption("markexpr"):
        pytest.skip("Prometheus is not here; pytest -m deploy fetches it")
    try:
        return senders.debians()
    except senders.SenderUnavailableError as error:
        if os.environ.get("FLOODMARK_REQUIRE_DEPLOY") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


def told(program: Path, *arguments: str, folder: Path = DEPLOY) -> str:
    """What a program says that finds nothing wrong."""
    done = subprocess.run(
        [str(program), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules_and_each_case_is_as_it_says(debians: Path):
    promtool = debians / "usr/bin/promtool"
    rules = YAML(typ="safe").load(RULES)["groups"][0]["rules"]
    assert f"{len(rules)} rules found" in told(promtool, "check", "rules", "--lint-fatal", str(RULES))
    assert "SUCCESS" in told(promtool, "test", "rules", str(CASES))


def other_rules() -> Iterator[tuple[str, str, str, int]]:
    """Each rule with one thing changed: its name, what was changed, its text, and which one of the file it is."""
    _, *blocks = re.split(r"(?m)(?=^      - alert: )", RULES.read_text())
    for number, block in enumerate(blocks):
        alert = block.split()[2]
        rule, words = block.split("        labels:", 1)
        for found in re.finditer(r"([<>]=?|==) (\d[\d.]*)", rule):
            sign, limit = found[1], float(found[2])
            for other in {"==": [limit + 2]}.get(sign, [limit * 10, limit / 10] if limit else [-1, 1e12]):
                changed = f"{rule[: found.start()]}{sign} {other:.6f}{rule[found.end() :]}"
                yield alert, f"{found[0]} became {other:g}", f"{changed}        labels:{words}", number
        if "        for:" in rule:
            changed = re.sub(r"        for: \S+\n", "", rule)
            yield alert, "no for", f"{changed}        labels:{words}", number


def test_a_rule_with_another_limit_or_no_patience_fails_its_cases(debians: Path, tmp_path: Path):
    """Or the cases would be worth nothing."""
    head, *blocks = re.split(r"(?m)(?=^      - alert: )", RULES.read_text())
    first, *cases = re.split(r"(?m)(?=^  - name: )", CASES.read_text())
    survived, count = [], 0
    for alert, what, block, number in other_rules():
        (tmp_path / RULES.name).write_text("".join([head, *blocks[:number], block, *blocks[number + 1 :]]))
        own = [case for case in cases if case.startswith(f"  - name: '{alert}: ")]
        (tmp_path / CASES.name).write_text("".join([first, *own]))
        command = [str(debians / "usr/bin/promtool"), "test", "rules", CASES.name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=300)
        count += 1
        if done.returncode == 0:
            survived.append(f"{alert}: {what}")
    assert survived == []
    assert count > 60


def test_prometheus_and_alertmanager_take_the_configs_of_compose(debians: Path):
    told(debians / "usr/bin/promtool", "check", "config", "prometheus/prometheus.yaml")
    told(debians / "usr/bin/amtool", "check-config", "prometheus/alertmanager.yaml")


def config(broker: str, name: str, folder: Path, ports: dict[str, int], target: int) -> str:
    inputs = "\n".join(f"  - {{topic: {name}.{topic}, signal: {kind}}}" for topic, kind in SIGNALS.items())
    topics = (
        "anomalies",
        "alerts",
        "dead_letters",
        "model_events",
        "actions",
        "deliveries",
        "model_requests",
        "reports",
    )
    who = {"operator": ("floodmark", "grants: [{role: admin}]"), "prometheus": ("floodmark-metrics", "verbs: []")}
    tokens = ", ".join(
        f"{{name: {name}, sha256: {hashlib.sha256(token.encode()).hexdigest()}, {more}}}"
        for name, (token, more) in who.items()
    )
    named = "\n".join(f"  {each}: {name}.{each.replace('_', '-')}" for each in topics)
    return f"""\
kafka: {{brokers: ["{broker}"], group: {name}, start: earliest, session_timeout: 6s}}
state: {{store: {folder / "state"}, interval: 1s}}
inputs:
{inputs}
  - {{topic: {name}.gitlab, signal: change, format: gitlab}}
topics:
{named}
models: [{{match: fraud, window: 100, reference: 500}}]
services: {{web: {{depends_on: [cart]}}, cart: {{depends_on: [db, fraud]}}}}
correlate: {{idle: 2s}}
actions: {{}}
feedback: {{topic: {name}.feedback}}
http: {{port: {ports["floodmark"]}}}
notify:
  hold: 0s
  http: {{port: {ports["floodmark-notify"]}}}
  targets: {{hook: {{webhook: {{url: "http://127.0.0.1:{target}/"}}}}}}
  routes: [{{name: all, targets: [hook]}}]
gateway:
  port: {ports["floodmark-gateway"]}
  sources: {{gitlab: {{kind: gitlab, topic: {name}.gitlab, secret: {SECRET}}}}}
console:
  port: {ports["floodmark-console"]}
  store: {folder / "console.sqlite"}
  auth: {{kind: token, tokens: [{tokens}]}}
logging: {{format: json}}
"""


@contextlib.contextmanager
def running(command: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with path.with_name(f"{command}.log").open("wb") as log:
        process = subprocess.Popen([*FLOODMARK, command, "-c", str(path)], stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            finally:
                process.kill()
                process.wait()


@contextlib.asynccontextmanager
async def hook():
    """A target that takes all, and its port."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=204)

    app = web.Application()
    app.add_routes([web.post("/", take)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def scraping(ports: dict[str, int], rules: str, alertmanager: int) -> str:
    """prometheus.yaml as it is in deploy/, for the processes of this machine, and in a hurry."""
    text = (DEPLOY / "prometheus" / "prometheus.yaml").read_text().replace("15s", "1s").replace(RULES.name, rules)
    text = text.replace("alertmanager:9093", f"127.0.0.1:{alertmanager}")
    for job, port in ports.items():
        name = job.removeprefix("floodmark-")
        text, count = re.subn(rf'"{name}:\d+"', f'"127.0.0.1:{port}"', text)
        assert count == 1
    return text


class Prometheus:
    def __init__(self, url: str) -> None:
        self._url = url

    async def get(self, path: str, **asked: str):
        status, text = await answer(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(asked)}")
        assert status == 200, f"{asked}: {text}"
        return json.loads(text)["data"]

    async def query(self, expression: str):
        return (await self.get("query", query=expression))["result"]


def asked() -> Iterator[tuple[str, str]]:
    """All expressions of the dashboards, as Grafana would ask them, with the title of the panel."""
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                plain = target["expr"].replace("$job", "floodmark.*").replace("$__rate_interval", "4m")
                assert "$" not in plain
                yield panel["title"], plain


@pytest.mark.kafka
async def test_every_expression_has_an_answer_and_a_killed_engine_is_told(kafka: str, debians: Path, tmp_path: Path):
    jobs = ["floodmark", "floodmark-notify", "floodmark-gateway", "floodmark-console"]
    *numbers, prometheus_port, alertmanager_port = free_ports(len(jobs) + 2)
    ports = dict(zip(jobs, numbers, strict=True))
    name, path = f"monitoring-{os.getpid()}", tmp_path / "floodmark.yaml"
    rules = tmp_path / RULES.name
    rules.write_text(re.sub(r"for: (1|5)m$", "for: 1s", RULES.read_text(), flags=re.MULTILINE))
    manager_config = (
        (DEPLOY / "prometheus" / "alertmanager.yaml").read_text().replace("group_wait: 30s", "group_wait: 1s")
    )
    async with contextlib.AsyncExitStack() as stack:
        target = await stack.enter_async_context(hook())
        path.write_text(config(kafka, name, tmp_path, ports, target))
        await create_topics(path)
        manager = stack.enter_context(senders.alertmanager(debians, manager_config, tmp_path, alertmanager_port))
        scraped = scraping(ports, str(rules), alertmanager_port)
        url = stack.enter_context(senders.prometheus(debians, scraped, tmp_path, prometheus_port))
        prometheus = Prometheus(url)
        stack.enter_context(running("notify", path))
        stack.enter_context(running("gateway", path))
        if HAS_CONSOLE:
            stack.enter_context(running("console", path))
        others = [ports[job] for job in jobs[1:] if HAS_CONSOLE or job != "floodmark-console"]

        async def ready(*asked_ports: int) -> bool:
            return all([(await answer(f"http://127.0.0.1:{port}/readyz"))[0] == 200 for port in asked_ports])

        await until(lambda: ready(*others))  # the notifier tells what comes after it
        engine = stack.enter_context(running("run", path))
        await publish(kafka, name, int(time.time()) // 60 * 60 - 60 * 480)
        await send(kafka, f"{name}.metrics", b"{garbage")
        records = await read_until(kafka, f"{name}.alerts", lambda found: found)
        incident = records[0].key.decode()
        done = await asyncio.to_thread(call, "act", "reopen", incident, "--by", "ann", "-c", str(path))
        assert done.returncode == 0, done.stderr
        async with ClientSession() as session:
            headers = {"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Deployment Hook"}
            hooked = f"http://127.0.0.1:{ports['floodmark-gateway']}/gitlab"
            async with session.post(hooked, json={"object_kind": "deployment"}, headers=headers) as response:
                assert response.status < 300
            if HAS_CONSOLE:
                act = {"verb": "comment", "incident": incident, "args": {"text": "seen"}}
                headers = {
                    "Authorization": "Bearer floodmark",
                    "X-Floodmark": "1",
                    "Idempotency-Key": "01JDZ0000000000000000000AA",
                }
                acting = f"http://127.0.0.1:{ports['floodmark-console']}/api/v1/actions"
                async with session.post(acting, json=act, headers=headers) as response:
                    assert response.status in (202, 409), await response.text()  # 409: it has not read of it yet

        async def settled() -> bool:
            wanted = (
                'floodmark_task_events_total{event="actions"}',
                "floodmark_delay_seconds_count",
                "floodmark_notify_delay_seconds_count",
                "floodmark_gateway_seconds_count",
                'floodmark_task_events_total{event="incidents",reason="opened"}',
                "min_over_time(floodmark_ready[10s]) == 1",
            )
            return all([await prometheus.query(each) for each in wanted])

        try:
            await until(settled)
        except TimeoutError:
            logs = {log.name: log.read_text()[-1500:] for log in tmp_path.glob("*.log")}
            raise AssertionError(logs) from None
        empty: list[str] = []

        async def answered() -> bool:
            """A counter is born with its first count, and has no increase before the next scrape."""
            empty[:] = [f"{title}: {each}" for title, each in expected if not await prometheus.query(each)]
            return not empty

        expected = []
        for title, expression in asked():
            await prometheus.query(expression)  # it parses, or `query` says why not
            of_console = "floodmark_console" in expression or "floodmark_actions_total" in expression
            quiet = title in QUIET or any(each in expression for each in QUIET)
            if not quiet and (HAS_CONSOLE or not of_console):
                expected.append((title, expression))
        with contextlib.suppress(TimeoutError):
            await until(answered, seconds=60)
        assert empty == []

        # The rules: each is evaluated, and of a run that is well none is critical.
        (group,) = (await prometheus.get("rules"))["groups"]
        assert [rule["name"] for rule in group["rules"] if rule["health"] != "ok" or rule.get("lastError")] == []
        firing = 'ALERTS{alertstate="firing",severity="critical"}'
        assert await prometheus.query(firing) == []

        # Nor does a partition at rest look as one that is stalled: markers of transactions are no records that wait.
        async def at_rest() -> bool:
            return not await prometheus.query("min_over_time(floodmark_lag_records[15s]) > 0")

        await until(at_rest, seconds=120)

        # What is down is told.
        engine.kill()

        async def heard() -> bool:
            _, text = await answer(f"{manager}/api/v2/alerts")
            names = {alert["labels"]["alertname"] for alert in json.loads(text)}
            return {"FloodmarkDown", "FloodmarkAbsent"} <= names

        await until(heard)
        (down,) = await prometheus.query('ALERTS{alertname="FloodmarkDown",alertstate="firing"}')
        assert down["metric"]["instance"] == f"127.0.0.1:{ports['floodmark']}"


@pytest.mark.kafka
async def test_what_compose_runs_comes_up_with_the_config_that_it_mounts(kafka: str, tmp_path: Path):
    """Each service of ours with its command, environment and files, but for ports, the broker and where state lies."""
    services = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]
    folder = tmp_path / "etc"
    folder.mkdir()
    for volume in services["floodmark"]["volumes"]:
        source, inside, *_ = volume.split(":")
        if inside.startswith("/etc/floodmark/"):
            text = (DEPLOY / source).read_text()
            for there, here in (
                ("port: 9464", f"port: {free_ports(1)[0]}"),
                ("group: floodmark ", f"group: compose-{os.getpid()} "),
                ("store: floodmark-state", f"store: {tmp_path}"),
                ("/var/lib/floodmark", str(tmp_path)),
            ):
                text = text.replace(there, here)
            (folder / Path(inside).name).write_text(text)
    ports = dict(zip(("notify", "gateway", "console"), free_ports(3), strict=True))
    (folder / "ports.yaml").write_text(
        f"notify: {{http: {{port: {ports['notify']}}}}}\n"
        f"inputs: [{{topic: compose-{os.getpid()}.gitlab, signal: change, format: gitlab}}]\n"
        f"gateway: {{port: {ports['gateway']}, sources: {{gitlab: {{kind: gitlab, topic: compose-{os.getpid()}.gitlab,"
        f" secret: {SECRET}}}}}}}\n"
        f"console: {{port: {ports['console']}}}\n"
    )
    port = re.search(r"port: (\d+)", (folder / "floodmark.yaml").read_text())
    assert port is not None
    ports["floodmark"] = int(port[1])
    environment = os.environ | {
        name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value) for name, value in services["floodmark"]["environment"].items()
    }
    environment |= {"FLOODMARK_BROKERS": kafka, "FLOODMARK_CONFIG": str(folder)}
    made = subprocess.run(
        [*FLOODMARK, *services["topics"]["command"]],
        env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    started = []
    try:
        for name in ports:
            if name != "console" or HAS_CONSOLE:
                log = (tmp_path / f"{name}.log").open("wb")
                command = [*FLOODMARK, *services[name]["command"]]
                started.append((name, subprocess.Popen(command, env=environment, stdout=log, stderr=log)))
                log.close()

        async def well() -> bool:
            assert [name for name, process in started if process.poll() is not None] == [], tmp_path
            return all([(await answer(f"http://127.0.0.1:{ports[name]}/readyz"))[0] == 200 for name, _ in started])

        await until(well, seconds=120)
        if HAS_CONSOLE:  # Prometheus has a token of its own for it
            jobs = YAML(typ="safe").load(DEPLOY / "prometheus" / "prometheus.yaml")["scrape_configs"]
            (proof,) = (job["authorization"]["credentials"] for job in jobs if job["job_name"] == "floodmark-console")
            async with ClientSession() as session:
                for token, status in ((proof, 200), ("floodmark", 200), ("another", 401)):
                    asking = session.get(
                        f"http://127.0.0.1:{ports['console']}/metrics", headers={"Authorization": f"Bearer {token}"}
                    )
                    async with asking as response:
                        assert response.status == status
        for _, process in started:
            process.send_signal(signal.SIGTERM)
        assert [await asyncio.to_thread(process.wait, 60) for _, process in started] == [0] * len(started)
    finally:
        for _, process in started:
            process.kill()
            process.wait()
