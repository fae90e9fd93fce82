"""The rules and dashboards in deploy/ ask for what Floodmark really says of itself, and are what their code says.

What they answer is tried on a real Prometheus by tests/integration/test_monitoring.py.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from floodmark.gateway.telemetry import Telemetry as GatewayTelemetry
from floodmark.notify.metrics import Metrics
from floodmark.runtime.telemetry import Telemetry

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = YAML(typ="safe").load(DEPLOY / "prometheus" / "floodmark.rules.yaml")["groups"][0]["rules"]
CASES = YAML(typ="safe").load(DEPLOY / "prometheus" / "floodmark.rules.test.yaml")["tests"]
BOARDS = {path.stem: json.loads(path.read_text()) for path in (DEPLOY / "grafana" / "dashboards").glob("*.json")}
NAME = re.compile(r"\b(?:floodmark|process)_[a-z_]+")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def expressions():
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for board in BOARDS.values():
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield f"{board['title']}, {panel['title']}", target["expr"]


def registered():
    """All names that a scrape of one of our processes could show."""
    engine = Telemetry()
    engine.standing = {"feedback": lambda: 0, "actions": lambda: 0}
    registries = [engine.registry, GatewayTelemetry().registry]
    Metrics(engine.registry)
    if importlib.util.find_spec("floodmark.console.telemetry"):
        console = importlib.import_module("floodmark.console.telemetry")
        registries.append(console.Telemetry().registry)
    return {name for registry in registries for name in names_of(registry)}


def names_of(registry: CollectorRegistry):
    for family in registry.collect():
        yield from (family.name + suffix for suffix in SUFFIXES[family.type])


def test_every_name_is_one_that_the_code_registers():
    there = registered()
    assert "floodmark_lag_records" in there
    for where, expression in expressions():
        assert NAME.findall(expression), where
        for name in NAME.findall(expression):
            assert name in there, f"{where} asks for {name}"


def test_the_names_of_the_cases_are_those_of_the_rules():
    asked = {name for rule in RULES for name in NAME.findall(rule["expr"])}
    given = {series["series"].split("{")[0] for case in CASES for series in case["input_series"]}
    assert given - {"up"} <= registered()
    assert asked <= given


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_has_a_case_in_which_it_fires_one_in_which_it_does_not_and_words(rule):
    tried = [
        bool(each.get("exp_alerts"))
        for case in CASES
        for each in case["alert_rule_test"]
        if each["alertname"] == rule["alert"]
    ]
    assert {True, False} == set(tried)
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    summary, description = rule["annotations"]["summary"], rule["annotations"]["description"]
    assert 20 < len(summary) < 130
    assert description.endswith(".")
    assert len(description) > 80
    assert rule["alert"] in (DEPLOY.parent / "docs" / "operating.md").read_text()


def test_the_dashboards_are_what_the_code_says():
    done = subprocess.run(
        [sys.executable, str(DEPLOY / "grafana" / "dashboards.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(BOARDS) == ["engine", "incidents", "models", "people"]


def test_panels_have_room_names_and_a_unit():
    uids = {board["uid"] for board in BOARDS.values()}
    assert len(uids) == len(BOARDS)
    for board in BOARDS.values():
        taken = set()
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        titles = [panel["title"] for panel in panels]
        assert len(titles) >= 8
        assert len(set(titles)) == len(titles)
        for panel in panels:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells
            assert panel["fieldConfig"]["defaults"]["unit"]
            references = [target["refId"] for target in panel["targets"]]
            assert len(set(references)) == len(references)
            assert all('job=~"$job"' in target["expr"] for target in panel["targets"])


def test_provisioning_names_what_compose_mounts():
    compose = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]
    (provider,) = YAML(typ="safe").load(DEPLOY / "grafana" / "provisioning" / "dashboards" / "floodmark.yaml")[
        "providers"
    ]
    (source,) = YAML(typ="safe").load(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml")[
        "datasources"
    ]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in compose["grafana"]["volumes"]}
    assert (DEPLOY / mounted[provider["options"]["path"]]).samefile(DEPLOY / "grafana" / "dashboards")
    assert source["url"].strip("${}") in compose["grafana"]["environment"]
    scraped = YAML(typ="safe").load(DEPLOY / "prometheus" / "prometheus.yaml")
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]
    for job in scraped["scrape_configs"]:
        for target in job["static_configs"][0]["targets"]:
            name, port = target.split(":")
            assert port in str(compose[name].get("healthcheck", {}).get("test"))
