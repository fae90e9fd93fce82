"""Which codes a log line has, in the notations of many programs; and what is none."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.models import Detect, Limits, Logs
from floodmark.detect import snapshots
from floodmark.detect.logs.codes import BAD, code_of, is_bad, named, text_of
from floodmark.detect.logs.sources import LogSources
from floodmark.signals import Log

BAD_ONES = {
    ("http", ("500", "503", "599")): ("200", "101", "304", "404", "429"),
    ("grpc", ("14", "13", "Unavailable", "DEADLINE_EXCEEDED", "StatusCode.INTERNAL")): ("0", "OK", "NotFound", "5"),
    ("exit", ("1", "137", "-1", "3221225477", "1/FAILURE", "9/KILL")): ("0", "0/SUCCESS", "00"),
    ("sqlstate", ("40001", "HY000", "42p01")): ("00000", "01000", "02000"),
    ("return", ("2", "-11")): ("0", "-0"),
    ("sqlcode", ("-204",)): ("0", "100", "-0"),
    ("errno", ("111", "-110", "ECONNREFUSED", "E2BIG")): ("0",),
    ("error", ("1205", "0x80070005", "ThrottlingException", "503")): ("0", "0x0", "ok", "None", "404", "200"),
    ("dns", ("SERVFAIL", "2", "ServFail")): ("NOERROR", "0", "NXDOMAIN", "3"),
    ("dsn", ("4.7.1", "5.1.1")): ("2.0.0",),
}
NO_CODES = {
    "http": ("99", "600", "2000", "20.5", "OK", ""),
    "grpc": ("17", "-1", "Perhaps", "1.5"),
    "exit": ("1.5", "eleven", "12345678901"),
    "sqlstate": ("4000", "400011", "ABCDE"),
    "errno": ("12345", "Enoent", "EOF!"),
    "error": ("two words", "1.5"),
    "dsn": ("2.0", "3.0.0"),
}


@pytest.mark.parametrize(("kind", "bad", "good"), [(kind, bad, good) for (kind, bad), good in BAD_ONES.items()])
def test_which_codes_are_bad(kind, bad, good):
    assert all(is_bad(kind, code_of(kind, each)) for each in bad)
    assert not any(is_bad(kind, code_of(kind, each)) for each in good)
    assert all(code_of(kind, each) for each in (*bad, *good))


@pytest.mark.parametrize(("kind", "values"), NO_CODES.items())
def test_what_is_no_code(kind, values):
    assert [code_of(kind, each) for each in values] == [""] * len(values)


def test_spellings_are_one_code():
    assert {code_of("grpc", each) for each in ("14", "Unavailable", "UNAVAILABLE", "StatusCode.UNAVAILABLE")} == {
        "UNAVAILABLE"
    }
    assert code_of("exit", "9/KILL") == "9"
    assert code_of("dns", "2") == code_of("dns", "ServFail") == "SERVFAIL"


@given(st.sampled_from([*BAD, "mix"]), st.text(max_size=50))
def test_any_text_may_come(kind, text):
    code = code_of(kind, text)
    assert isinstance(is_bad(kind, code), bool) if code else code == ""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("http." + each, "http") for each in ("response.status_code", "status_code", "status")),
        *((each, "http") for each in ("statusCode", "http_status", "sc-status", "response.code", "DownstreamStatus")),
        *((each, "grpc") for each in ("grpc.code", "grpc_status", "rpc.grpc.status_code")),
        *((each, "exit") for each in ("exitCode", "exit_code", "rc", "process.exit_code", "returncode", "exit status")),
        *((each, "sqlstate") for each in ("sqlstate", "SQLState", "sql_state")),
        *((each, "errno") for each in ("errno", "Errno", "err_no")),
        *((each, "error") for each in ("error.code", "errorCode", "error_code")),
    ],
)
def test_names_of_codes(name, kind):
    assert named(name).kinds[0] == kind


@pytest.mark.parametrize(
    "name",
    [
        "country_code",
        "zip_code",
        "decoded",
        "port",
        "pid",
        "size",
        "user.id",
        "status_text",
        "code_path",
        "",
        "x" * 200 + ".status",
    ],
)
def test_names_of_no_codes(name):
    assert named(name) is None


def of_one(bad, *good):
    """Mostly good codes, a tenth bad."""
    return lambda draw: draw.choice(bad) if draw.random() < 0.1 else draw.choice(good)


HTTP = of_one(["500", "503"], "200", "200", "304", "404")
GRPC = of_one(["Unavailable", "Internal", "Unknown"], "OK", "OK", "NotFound")
EXIT = of_one(["1", "137"], "0")
REASONS = {
    "200": "OK",
    "304": "Not Modified",
    "404": "Not Found",
    "500": "Internal Server Error",
    "503": "Service Unavailable",
}
# Text, how its code is made, and the field and the kind that it has. {c}: the code; {n}: 1 to 999; {r}: the reason.
NOTATIONS = {
    "CLF": ('10.0.0.{n} - - [30/Nov/2026:23:00:10 +0000] "GET /i/{n} HTTP/1.1" {c} {n}', HTTP, "status", "http"),
    "combined": (
        '10.0.0.{n} - bob [30/Nov/2026:23:00:10 +0000] "GET /i/{n} HTTP/2.0" {c} {n} "https://x.y/" "Mozilla/5.0"',
        HTTP,
        "status",
        "http",
    ),
    "nginx, times": (
        '10.0.0.{n} [12:01:02] "POST /i/{n} HTTP/1.1" {c} rt=0.{n} upstream=10.0.0.1:8080',
        HTTP,
        "status",
        "http",
    ),
    "nginx, bare": ("10.0.0.{n} GET /i/{n} {c} 0.{n}", HTTP, "status", "http"),
    "nginx, bars": ("10.0.0.{n}|GET /i/{n} HTTP/1.1|{c}|{n}|0.{n}", HTTP, "status", "http"),
    "IIS": (
        "2026-11-30 23:01:05 10.0.0.1 GET /i/{n} - 443 - 10.0.0.{n} Mozilla/5.0+(X) - {c} 0 64 {n}",
        HTTP,
        "status",
        "http",
    ),
    "HAProxy": (
        'haproxy[14389]: 10.0.0.{n}:3331 [06/Feb/2026:12:14:15.655] http-in static/srv1 10/0/30/69/{n} {c} {n} - - ---- 1/1/1/1/0 0/0 {{}} "GET /i HTTP/1.1"',  # noqa: E501
        HTTP,
        "status",
        "http",
    ),
    "Envoy": (
        '[2026-11-30T20:17:10.310Z] "GET /i/{n} HTTP/2" {c} - 154 0 {n} 100 "10.0.35.28" "nsq2http"',
        HTTP,
        "status",
        "http",
    ),
    "Traefik": (
        '10.0.0.{n} - - [30/Nov/2026:23:00:10 +0000] "GET /i HTTP/1.1" {c} {n} "-" "-" {n} "web@docker" "http://10.0.0.3:80" {n}ms',  # noqa: E501
        HTTP,
        "status",
        "http",
    ),
    "ALB": (
        'https 2026-11-30T22:23:10.186641Z app/lb/50dc6c495c0c9188 10.0.0.{n}:2817 10.0.0.1:80 0.000 0.{n} 0.000 {c} {c} {n} {n} "GET https://x.y:443/ HTTP/1.1" "curl/7.46.0" - -',  # noqa: E501
        HTTP,
        "status",
        "http",
    ),
    "Squid": (
        "1286536309.{n} {n} 192.168.0.68 TCP_MISS/{c} {n} GET http://x.y/{n} - DIRECT/1.2.3.4 text/html",
        HTTP,
        "status",
        "http",
    ),
    "uvicorn": ('INFO:     127.0.0.1:{n} - "GET /i/{n} HTTP/1.1" {c}', HTTP, "status", "http"),
    "Gin": ('[GIN] 2026/11/30 - 12:00:10 | {c} | {n}.2ms | 10.0.0.{n} | GET "/i/{n}"', HTTP, "status", "http"),
    "Rails": ("Completed {c} {r} in {n}ms", HTTP, "status", "http"),
    "morgan": ("GET /i/{n} {c} {n}.123 ms - {n}", HTTP, "status", "http"),
    "JSON": ('{{"level":"info","msg":"served","status":{c},"took":{n}}}', HTTP, "status", "http"),
    "JSON, text": ('{{"msg":"served","http_status":"{c}","took":{n}}}', HTTP, "http_status", "http"),
    "JSON, nested": ('{{"msg":"served","res":{{"statusCode":{c}}},"took":{n}}}', HTTP, "res.statusCode", "http"),
    "JSON, dotted": (
        '{{"msg":"served","http.response.status_code":{c},"n":{n}}}',
        HTTP,
        "http.response.status_code",
        "http",
    ),
    "words and JSON": ('request served {{"status": {c}, "took": {n}}}', HTTP, "status", "http"),
    "logfmt": ('level=info msg="request served" status={c} bytes={n} took={n}ms', HTTP, "status", "http"),
    "pairs": ("method=GET path=/i/{n} format=html status={c} duration={n}.01", HTTP, "status", "http"),
    "status in words": ("upstream replied with status {c} after {n} ms", HTTP, "status", "http"),
    "returned": ("call to billing returned {c} in {n} ms", HTTP, "returned", "http"),
    "returned numbers": ("plugin returned {c} for h{n}", of_one(["2", "-11"], "0"), "returned", "return"),
    "gRPC, logfmt": ("finished unary call grpc.code={c} grpc.time_ms={n}", GRPC, "grpc.code", "grpc"),
    "gRPC, JSON": ('{{"level":"info","msg":"call","grpc.code":"{c}","grpc.time_ms":{n}}}', GRPC, "grpc.code", "grpc"),
    "gRPC, numbers": (
        '{{"msg":"call","grpc_status":{c},"n":{n}}}',
        of_one(["14", "13"], "0", "0", "5"),
        "grpc_status",
        "grpc",
    ),
    "gRPC, errors": (
        "rpc error: code = {c} desc = it broke {n}",
        of_one(["Unavailable", "Internal"], "NotFound", "Aborted", "Canceled", "OutOfRange"),
        "rpc error code",
        "grpc",
    ),
    "exit code": ("job {n} finished with exit code {c}", EXIT, "exit code", "exit"),
    "exit code, JSON": ('{{"msg":"task done","exitCode":{c},"n":{n}}}', EXIT, "exitCode", "exit"),
    "exit code, logfmt": ("level=info msg=done exit_code={c} job=j{n}", EXIT, "exit_code", "exit"),
    "systemd": (
        "backup.service: Main process exited, code=exited, status={c}",
        of_one(["1/FAILURE", "2/INVALIDARGUMENT"], "0/SUCCESS"),
        "exit status",
        "exit",
    ),
    "Docker": ("web_1 exited with code {c}", EXIT, "exited with code", "exit"),
    "Docker's ps": ("Exited ({c}) {n} seconds ago", EXIT, "Exited", "exit"),
    "Kubernetes": ("container web terminated Exit Code: {c}", EXIT, "Exit Code", "exit"),
    "Ansible": ("task done rc={c} host=h{n}", EXIT, "rc", "exit"),
    "Airflow": ("Command exited with return code {c}", EXIT, "return code", "exit"),
    "PDO": ("SQLSTATE[{c}]: it broke in q{n}", of_one(["40001", "HY000"], "00000"), "SQLSTATE", "sqlstate"),
    "sqlstate=": ("stmt done sqlstate={c} rows={n}", of_one(["40001", "40P01"], "00000"), "sqlstate", "sqlstate"),
    "pgx": ("query failed (SQLSTATE {c}) in q{n}", of_one(["40001", "40P01"], "02000"), "SQLSTATE", "sqlstate"),
    "errno": ("read ended errno={c} fd={n}", of_one(["11", "104"], "0"), "errno", "errno"),
    "Python's errno": ("OSError: [Errno {c}] it broke {n}", of_one(["111"], "0"), "Errno", "errno"),
    "errno, JSON": (
        '{{"msg":"connect","errno":"{c}","port":{n}}}',
        of_one(["ECONNREFUSED", "ETIMEDOUT"], "0"),
        "errno",
        "errno",
    ),
    "nginx's errno": (
        "connect() failed ({c}) while connecting, client: 10.0.0.{n}",
        of_one(["111: Connection refused"], "0: No error"),
        "errno",
        "errno",
    ),
    "Oracle": ("ORA-{c}: it broke in q{n}", of_one(["00001", "00060"], "00000"), "Oracle error", "error"),
    "HRESULT": ("call ended HRESULT: {c} at {n}", of_one(["0x80070005"], "0x00000000"), "HRESULT", "error"),
    "error code": ("produce done error_code={c} partition={n}", of_one(["6", "7"], "0"), "error_code", "error"),
    "error.code": (
        '{{"msg":"done","error":{{"code":"{c}"}},"n":{n}}}',
        of_one(["ThrottlingException"], "None"),
        "error.code",
        "error",
    ),
    "DNS": ("query a{n}.x.y rcode={c}", of_one(["SERVFAIL"], "NOERROR", "NXDOMAIN"), "rcode", "dns"),
    "mail": (
        "to=<x@y.z>, relay=a[1.2.3.4]:25, delay={n}, dsn={c}, status=sent",
        of_one(["4.7.1"], "2.0.0"),
        "dsn",
        "dsn",
    ),
}
# What is often a number of three digits, or one of few words, and no code.
NEGATIVES = {
    "a port": lambda d: f"listening on port {d.choice(['80', '443', '8080'])}",
    "a size": lambda d: f"sent {d.randint(100, 599)} bytes to 10.0.0.{d.randint(1, 9)}",
    "a duration": lambda d: f"response 3{d.randint(10, 99)} ms",
    "a pid": lambda d: f"started worker pid={d.randint(100, 599)}",
    "ids": lambda d: f"status of order {d.randint(10_000, 99_999)}, code {d.randint(100_000, 999_999)}",
    "a version": lambda d: f"running version {d.choice(['1.2.3', '1.2.4'])} build {d.randint(100, 500)}",
    "rows": lambda d: f"query returned {d.choice([200, 404, 500])} rows",
    "a number": lambda d: f"query returned {d.randint(0, 500)}",
    "progress": lambda d: f"progress status={d.randint(0, 100)}% of job",
    "errors": lambda d: f"found {d.randint(0, 20)} errors, error {d.randint(1, 999)} of 999",
    "requests": lambda d: f"handling GET /i/{d.randint(1, 999)} for user {d.randint(1, 500)}",
    "places": lambda d: (
        f'{{"msg":"address","zip_code":"{d.randint(10_000, 10_009)}","country_code":"D{d.choice("EK")}"}}'
    ),
    "a pin": lambda d: f'{{"msg":"sent","code":"{d.randint(10**7, 10**8)}"}}',
    "retries": lambda d: f"retry {d.randint(1, 3)} of 3 after {d.randint(100, 500)} ms",
    "an address": lambda d: f"allocated at 0x{d.randrange(2**31):08x} len {d.randint(1, 999)}",
    "received": lambda d: f"received {d.randint(100, 900)} from 10.0.0.1",
    "a thread": lambda d: f"[Thread-{d.choice([200, 404, 500])}] work is done",
}


@pytest.mark.parametrize(
    ("value", "text"),
    [(500.0, "500"), (1, "1"), (" 14 ", "14"), (True, ""), (None, ""), (1.5, ""), (float("nan"), ""), (1e300, "")],
)
def test_values_of_attributes(value, text):
    assert text_of(value) == text


def source(**logs):
    return LogSources(Logs(**logs), Limits(), Detect())


def followed(bodies, sources=None, **more):
    """The fields that have series by now: with their kinds, and the numbers of bad codes."""
    sources = sources or source()
    for i, body in enumerate(bodies):
        sources.observe(Log(time=i / 4, body=body, labels={"service": "a"}, **more))
    samples = sources.advance(len(bodies) / 4 // 60 * 60 + 60)
    bad = {}
    for each in samples:
        if each.series.name == "log_code_errors":
            kind = next(kind for kind, said in BAD.items() if said == each.series.labels["codes"])
            field = each.series.labels["field"]
            bad[field] = kind, bad.get(field, ("", 0))[1] + each.value
    return bad


@pytest.mark.parametrize("name", NOTATIONS)
def test_codes_are_found_in_any_notation(name):
    text, make, field, kind = NOTATIONS[name]
    draw, bodies, bad = Random(name), [], 0
    for _ in range(400):
        code = make(draw)
        bodies.append(text.format(c=code, n=draw.randint(100, 999), r=REASONS.get(code, "")))
        number = code.partition(":")[0]
        bad += is_bad(kind, code_of(kind, number) or number)
    found = followed(bodies)
    assert set(found) == {field}
    assert found[field][0] == kind
    assert 0.8 * bad <= found[field][1] <= bad  # those on trial, in windows that were over, are not counted


@pytest.mark.parametrize("name", NEGATIVES)
def test_what_is_no_code_has_no_series(name):
    draw = Random(name)
    sources = source()
    assert followed([NEGATIVES[name](draw) for _ in range(400)], sources) == {}
    assert not [each for each in sources.advance(10_000) if each.series.name.startswith("log_code")]


def test_attributes_have_codes_too_and_each_line_counts_once():
    body = '{"msg":"served","http.response.status_code":500}'
    assert followed([body] * 100, attributes={"http.response.status_code": 500.0}) == {
        "http.response.status_code": ("http", 100)
    }
    assert followed(["served"] * 100, attributes={"exit_code": "1", "name": "x", "ok": True}) == {
        "exit_code": ("exit", 100)
    }


def test_fields_may_be_named_or_left_out():
    bodies = ["ended outcome=3 status=500 of it"] * 100
    assert set(followed(bodies)) == {"status"}
    assert followed(bodies, source(code_fields={"outcome": "exit", "status": "none"})) == {"outcome": ("exit", 100)}
    assert followed(bodies, source(codes=0)) == {}


def test_codes_of_no_known_kind_have_a_mix_only():
    sources = source()
    draw = Random(1)
    for i in range(8_000):
        code = draw.choice(["A1", "A1", "A1", "B7"]) if i < 7_000 else "B7"
        sources.observe(Log(time=i / 4, body=f"payment result code={code} amount={i}", labels={"service": "a"}))
    samples = [each for each in sources.advance(2_040) if each.series.name.startswith("log_code")]
    assert {each.series.name for each in samples} == {"log_code_mix"}
    assert samples[-1].value > 5
    facts = samples[-1].evidence().facts
    assert {facts["code_1"], facts["code_2"]} == {"A1", "B7"}
    assert max(facts["share_1"], facts["share_2"]) == 1


def test_a_snapshot_goes_on_with_the_same_codes():
    draw = Random(3)
    texts = [NOTATIONS[name][:2] for name in ("nginx, bare", "JSON", "exit code", "returned", "gRPC, JSON")]
    signals = [
        Log(time=i * 2, body=text.format(c=make(draw), n=draw.randint(100, 999)), labels={"service": "a"})
        for i in range(300)
        for text, make in texts
    ]

    codec = snapshots.codec(monitored=False)

    def named(of):
        return [("memos", of.memos), ("logs", of._logs), ("limits", of._limits)]

    def told(stop):
        sources, made = source(), []
        for i, signal in enumerate(signals):
            if i == stop:
                data = codec.dumps(sources.state(), named(sources))
                sources = source()
                sources.restore(codec.loads(data, dict(named(sources))))
            sources.observe(signal)
            made += [(each.series.key, each.time, each.value) for each in sources.advance(signal.time - 60)]
        return made

    once = told(-1)
    assert [key for key, _, _ in once if key.startswith("log_code_error")]
    assert all(told(stop) == once for stop in (7, 100, 149, 333, 1_200))
