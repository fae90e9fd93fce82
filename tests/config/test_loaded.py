"""What a process says of its config: the same for the same meaning, without a secret in it."""

import json

from floodmark.alerts import utc
from floodmark.config.loaded import meant, report
from floodmark.config.loader import load
from floodmark.config.models import Config

START = 1_767_571_200.0
SECRET = "5ecret-of-ours"
TEXT = """\
kafka:
  group: g
  security: {{protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u, password: {0}}}
state: {{store: "s3://bucket/prefix", options: {{secret_access_key: {0}}}}}
inputs: [{{topic: m, signal: metric}}]
detectors: [{{name: cpu, false_alarms: 2/week, match: {{name: cpu}}}}, {{name: off, enabled: false}}]
services: {{shop: {{depends_on: [cart], owner: team-a, tier: 1}}}}
audit: {{key: {0}, old_keys: [{0}]}}
schema_registry: {{url: "https://registry:8081"}}
notify:
  targets: {{hook: {{webhook: {{url: "https://hooks.example.org/{0}"}}}}}}
  routes: [{{name: all, targets: [hook]}}]
"""


def config(tmp_path, text=""):
    path = tmp_path / "floodmark.yaml"
    path.write_text(text or TEXT.format(SECRET))
    return load(path)


def said(config, **more):
    return report(config, "g/host", utc(START), **more)


def test_no_secret_is_in_it(tmp_path):
    body = said(config(tmp_path))
    assert SECRET not in body.text
    assert json.loads(body.text)["state"] == {**json.loads(body.text)["state"], "options": {}}
    made = Config(kafka={"brokers": ["sasl://user:pw@host:1"]})  # a file with this is refused
    assert json.loads(meant(made))["kafka"]["brokers"] == ["sasl://host:1"]


def test_what_is_meant_is_the_same_however_it_is_written(tmp_path):
    one = said(config(tmp_path)).hash
    other = (
        TEXT.format("another").replace("  group: g\n", "").replace("kafka:\n", "kafka:\n  start: latest\n  group: g\n")
    )
    assert said(config(tmp_path, other)).hash == one
    assert said(config(tmp_path, other.replace("2/week", "3/week"))).hash != one
    assert len(one) == 64


def test_what_the_pages_want_is_said(tmp_path):
    body = said(config(tmp_path), files=["a.yaml"], previous="ab", problems=["a.yaml:1:1: no"])
    assert [(each.name, round(each.false_alarms, 6)) for each in body.detectors] == [("cpu", 2.0), ("default", 7.0)]
    assert body.services["shop"].owner == "team-a"
    assert (body.files, body.previous, body.problems) == (["a.yaml"], "ab", ["a.yaml:1:1: no"])
    assert body.key() == "config:g/host"


def test_from_is_spelt_as_in_the_file(tmp_path):
    text = "maintenance: [{from: 2026-01-05T00:00:00Z, to: 2026-01-05T01:00:00Z}]\n"
    assert "from" in json.loads(meant(config(tmp_path, text)))["maintenance"][0]
