"""`backtest` and `explain` as an operator types them."""

import csv
import html.parser
import random
import sys

import pytest
from typer.testing import CliRunner

from floodmark.cli import app

HEADER = ("timestamp", "latency_ms", "cpu")


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setattr("floodmark.cli.speaking.out.width", 120)
    monkeypatch.setattr("floodmark.cli.speaking.err.width", 120)


@pytest.fixture
def files(tmp_path):
    """Two services, a file each, with the same columns; the cart is slow for twenty minutes."""
    paths = []
    for seed, name in enumerate(("cart", "web")):
        draw = random.Random(seed)
        path = tmp_path / f"{name}.csv"
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(HEADER)
            for i in range(600):
                slow = 3 if name == "cart" and 400 <= i < 420 else 1
                when = f"2026-03-02T{i // 60:02}:{i % 60:02}:00"
                rows.writerow((when, draw.gauss(50, 2) * slow, draw.gauss(30, 1)))
        paths.append(path)
    return paths


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        "series,start,end\n"
        '"latency_ms{service=""cart""}",2026-03-02T06:40:00Z,2026-03-02T07:00:00Z\n'
        "memory,2026-03-02T06:40:00Z,2026-03-02T07:00:00Z\n"
    )
    return path


@pytest.fixture
def _no_matplotlib(monkeypatch):
    monkeypatch.delattr("floodmark.tuning.plots", raising=False)
    monkeypatch.setitem(sys.modules, "floodmark.tuning.plots", None)


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def rows(ran):
    return [line.split() for line in ran.stdout.splitlines()]


def test_backtest_counts_and_scores(files, labels):
    ran = call("backtest", *files, "--budgets", "1/day, 1/month", "--labels", labels)
    assert ran.exit_code == 0, ran.stderr
    month = [row for row in rows(ran) if row[:1] == ["1/month"]]
    assert month[0][1] == "4"
    assert month[1][:5] == ["1/month", "1", "of", "1", "100%"]
    assert any(row[:1] == ['latency_ms{service="cart"}'] for row in rows(ran))
    assert "1 of 2 labelled events are of no series that was recorded then, and do not count: memory" in ran.stderr


def test_backtest_writes_a_page_with_its_pictures(files, labels, tmp_path):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "new" / "report"
    ran = call("backtest", *files, "--labels", labels, "--out", folder)
    assert ran.exit_code == 0, ran.stderr
    page = (folder / "backtest.html").read_text()
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert pictures
    assert page.count("data:image/png;base64,") == len(pictures)
    assert "latency_ms{service=&quot;cart&quot;}" in page
    assert "http" not in page
    parser = html.parser.HTMLParser()
    parser.feed(page)
    parser.close()


@pytest.mark.usefixtures("_no_matplotlib")
def test_without_matplotlib_there_are_tables_and_a_sentence(files, tmp_path):
    ran = call("backtest", *files, "--out", tmp_path)
    assert ran.exit_code == 0
    assert "pip install 'floodmark[plots]'" in ran.stderr
    assert "1/week" in ran.stdout
    assert "<table>" in (tmp_path / "backtest.html").read_text()
    ran = call("explain", "cpu", "2026-03-02T06:40:00", files[0], "--out", tmp_path / "x.png")
    assert ran.exit_code == 1
    assert "pip install 'floodmark[plots]'" in ran.stderr
    assert "No alarm opened." in ran.stdout


def test_explain_says_why(files, tmp_path):
    ran = call("explain", "latency_ms*cart*", "2026-03-02T06:40:30Z", *files)
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.startswith('latency_ms{service="cart"} at 2026-03-02 06:40:00 UTC\n')
    assert {"forecast", "range", "flatline", "level"} <= {row[0] for row in rows(ran) if row}
    assert "An alarm opened with this point." in ran.stdout


def test_explain_draws(files, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "why.png"
    assert call("explain", "latency_ms", "2026-03-02T06:40:00", files[0], "--out", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    ran = call("explain", "latency_ms", "2026-03-02T06:40:00", files[0], "--out", tmp_path / "none" / "why.png")
    assert (ran.exit_code, "No such file" in ran.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("backtest", "--budgets", "1/fortnight"), 2, "--budgets: '1/fortnight' is not an alert budget"),
        (("backtest", "--budgets", ","), 2, "--budgets: name at least one"),
        (("explain", "cpu", "noon"), 2, "'noon' is not a time"),
        (("explain", "cpu", "2026-03-02T06:40:00"), 1, "cpu means 2 series"),
        (("explain", "cpus", "2026-03-02T06:40:00"), 1, 'cpu{service="web"}'),
        (("explain", "cpu", "2026-03-01T06:40:00"), 1, "None of the 0 series"),
    ],
)
def test_mistakes_are_told_in_a_sentence(files, arguments, code, said):
    ran = call(*arguments, *files)
    assert ran.exit_code == code
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_files_that_hold_no_metrics(tmp_path):
    path = tmp_path / "logs.jsonl"
    path.write_text('{"timestamp": 1700006400, "body": "hello"}\n')
    ran = call("backtest", path)
    assert ran.exit_code == 0
    assert "no metrics that a detector watches" in ran.stderr
    path.write_text("hello\n")
    assert "this is no native event" in call("backtest", path).stderr
