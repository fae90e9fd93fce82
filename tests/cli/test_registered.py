"""Commands that read framed records by themselves ask the registry for their schemas."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fastavro
import pytest
from typer.testing import CliRunner

from floodmark.cli import app

SCHEMA = {
    "type": "record",
    "name": "Metric",
    "fields": [
        {"name": "timestamp", "type": "long"},
        {"name": "name", "type": "string"},
        {"name": "value", "type": "double"},
    ],
}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path.split("?")[0] == "/schemas/ids/7"
        body = json.dumps({"schema": json.dumps(SCHEMA)} if known else {"error_code": 40403, "message": "no"}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def framed(identity, number):
    out = io.BytesIO(b"\0" + identity.to_bytes(4, "big"))
    out.seek(5)
    event = {"timestamp": 1_769_860_800_000 + 60_000 * number, "name": "load", "value": 5.0}
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), event)
    return base64.b64encode(out.getvalue()).decode()


def replay(tmp_path, url, *identities):
    (tmp_path / "floodmark.yaml").write_text(
        f"kafka: {{brokers: [h:9092]}}\ninputs: [{{topic: m, signal: metric}}]\nschema_registry: {{url: '{url}'}}\n"
    )
    (tmp_path / "dump").write_text("".join(framed(each, i) + "\n" for i, each in enumerate(identities)))
    arguments = ["replay", str(tmp_path / "dump"), "-c", str(tmp_path / "floodmark.yaml"), "--input", "m", "--base64"]
    return CliRunner().invoke(app, arguments)


def test_a_dump_of_framed_avro_is_replayed(tmp_path, url):
    ran = replay(tmp_path, url, 7, 7, 7)
    assert ran.exit_code == 0, ran.stderr
    assert "3 metrics" in ran.output


def test_what_the_registry_does_not_know_is_refused_in_words(tmp_path, url):
    ran = replay(tmp_path, url, 7, 8)
    assert ran.exit_code == 0, ran.stderr
    assert "1 metric" in ran.output
    assert "unknown_schema" in ran.output


def test_a_registry_that_is_away_ends_the_command_in_a_sentence(tmp_path):
    ran = replay(tmp_path, "http://127.0.0.1:9", 7)
    assert ran.exit_code == 1
    assert "registry" in ran.stderr
    assert "Traceback" not in ran.output
