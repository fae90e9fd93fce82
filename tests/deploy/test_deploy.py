"""What is in deploy/ fits together, so far as that can be seen without running it; test_image.py runs it."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from floodmark.config.loader import load_with_warnings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DIGEST = re.compile(r"\S+:\S+@sha256:[0-9a-f]{64}")


def test_all_that_is_pulled_is_pinned_by_digest():
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    bases = re.findall(r"^ARG (?:BUILD|BASE)=(\S+)$", dockerfile, re.MULTILINE)
    assert len(bases) == 2
    assert all(DIGEST.fullmatch(base) for base in bases)
    assert re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) == ["${BUILD}", "${BASE}"]
    services = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]
    pulled = [service["image"] for service in services.values() if "build" not in service]
    assert pulled
    assert all(DIGEST.fullmatch(image) for image in pulled)


def test_the_image_has_exactly_the_versions_that_are_tested():
    def pinned(name):
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        return {line.split()[0] for line in lines if re.match(r"[a-z0-9.-]+==", line)}

    shipped = pinned("image.lock")
    assert shipped
    assert shipped <= pinned("dev.lock")  # which has some twice, for several Pythons
    assert "--hash=sha256:" in (ROOT / "requirements" / "image.lock").read_text()


def test_compose_is_what_its_specification_allows():
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_compose_mounts_what_exists_and_its_config_is_sound(monkeypatch, tmp_path):
    compose = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    engine = compose["services"]["floodmark"]
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).exists()
    assert any("/var/lib/floodmark" in volume for volume in engine["volumes"])
    environment = dict(engine["environment"])
    digest = re.fullmatch(r"\$\{FLOODMARK_CONSOLE_SHA256:-([0-9a-f]{64})\}", environment["FLOODMARK_CONSOLE_SHA256"])
    assert digest is not None
    assert digest[1] == hashlib.sha256(b"floodmark").hexdigest()
    environment["FLOODMARK_CONSOLE_SHA256"] = digest[1]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for volume in engine["volumes"]:
        source, target, *_ = volume.split(":")
        if target.startswith(f"{environment['FLOODMARK_CONFIG']}/"):
            shutil.copy(DEPLOY / source, tmp_path / Path(target).name)
    config = load_with_warnings(tmp_path).config
    assert config.kafka.brokers == ["kafka:19092"]
    assert config.notify is not None
    assert config.gateway is not None
    assert config.console.auth.kind == "token"
    operator, scraper = config.console.auth.tokens
    assert operator.sha256 == digest[1]
    scraped = YAML(typ="safe").load(DEPLOY / "prometheus" / "prometheus.yaml")["scrape_configs"][-1]
    assert scraper.sha256 == hashlib.sha256(scraped["authorization"]["credentials"].encode()).hexdigest()
    assert scraper.verbs == []
    parts = {
        "floodmark": config.http, "notify": config.notify.http, "gateway": config.gateway, "console": config.console,
    }  # fmt: skip
    for name, serves in parts.items():
        service, port = compose["services"][name], str(serves.port)
        assert serves.host == "0.0.0.0"
        assert port in service["healthcheck"]["test"][-1]
        assert [each.endswith(f"{port}:{port}") for each in service.get("ports", [])] in ([], [True])
        assert service["environment"] == engine["environment"]
        assert all(volume in service["volumes"] for volume in engine["volumes"][:2])


def test_compose_publishes_on_loopback_alone_and_locks_all_in():
    compose = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    for name, service in compose["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        if name != "kafka":
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
    profiles = {name: service.get("profiles", []) for name, service in compose["services"].items()}
    assert [name for name, of in profiles.items() if of == ["people"]] == ["console", "notify"]
    assert [name for name, of in profiles.items() if of == ["webhooks"]] == ["gateway"]
    assert [name for name, of in profiles.items() if of == ["monitoring"]] == ["prometheus", "alertmanager", "grafana"]


def test_sections_of_the_example_that_are_comments_are_right_once_they_are_none(monkeypatch, tmp_path):
    text = (DEPLOY / "floodmark.example.yaml").read_text()
    for name in re.findall(r"\$\{([A-Z_]+)\}", text):
        monkeypatch.setenv(name, "0123456789abcdef0123456789abcdef")
    for section in ("notify", "gateway", "console"):
        assert text.count(f"# {section}:\n") == 1
        block = re.search(rf"^# {section}:\n(#.*\n)+", text, re.MULTILINE)
        assert block is not None
        text = text.replace(block[0], re.sub(r"^# ", "", block[0], flags=re.MULTILINE))
    path = tmp_path / "floodmark.yaml"
    path.write_text(text)
    config = load_with_warnings(path).config
    assert config.notify is not None
    assert config.gateway is not None
    assert [route.name for route in config.notify.routes] == ["storefront", "all others"]
    assert config.console.auth.oidc is not None


def test_the_units_run_a_command_that_there_is():
    unit = (DEPLOY / "floodmark.service").read_text()
    assert re.search(r"^ExecStart=/opt/floodmark/bin/floodmark run --config \S+$", unit, re.MULTILINE)
    assert "MemoryDenyWriteExecute=" not in unit  # what Numba compiles is run
    beside = (DEPLOY / "floodmark@.service").read_text()
    assert re.search(r"^ExecStart=/opt/floodmark/bin/floodmark %i --config \S+$", beside, re.MULTILINE)
    container = (DEPLOY / "floodmark.container").read_text()
    assert re.search(r"^HealthCmd=/usr/bin/python3 ", container, re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["floodmark", "floodmark@"])
def test_systemd_finds_nothing_unknown_in_the_unit(name):
    unit = str(DEPLOY / f"{name}.service")
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    complaints = [line for line in verified.stderr.splitlines() if name in line]
    assert [line for line in complaints if "is not executable" not in line] == []
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, check=False
    )
    if found := re.search(r"exposure level for \S+: ([\d.]+)", judged.stdout):
        assert float(found[1]) < 2.0  # systemd's own word for that is OK; without hardening it is 9.6
