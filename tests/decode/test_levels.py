"""The level of a line in the notations of loggers, and none where a level's name is only part of the message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.decode.bodies import facts, plain
from floodmark.decode.severities import NAMES, on_scale

SAID = {
    "ERROR": r"""
ERROR payment failed
[ERROR] payment failed
ERROR: relation "x" does not exist
ERROR:root:payment failed
ERROR:django.request:Internal Server Error: /cart
[2026-01-31 12:00:00,123: ERROR/MainProcess] Task failed
[2026-01-31 12:00:00,123: ERROR/ForkPoolWorker-2] Task shop.pay raised unexpected
[12:00:00 ERR] Could not charge
[2026-01-31 12:00:00.123 +00:00 ERR] Could not charge
2026-01-31 12:00:00.123 +00:00 [ERR] Could not charge
fail: Microsoft.AspNetCore.Server.Kestrel[13]
2026-01-31T12:00:00 fail: Microsoft.AspNetCore.Server.Kestrel[13]
2026-01-31 12:00:00.123 ERROR 1 --- [nio-8080-exec-1] c.s.Cart : lost
12:00:00.123 [main] ERROR com.shop.Cart - lost
2026-01-31 12:00:00,123 - shop.cart - ERROR - lost
2026-01-31 12:00:00.123 | ERROR    | shop.cart:save:7 - lost
2026-01-31 12:00:00.1234|ERROR|Shop.Cart|lost
time="2026-01-31T12:00:00Z" level=error msg="lost"
level=error ts=2026-01-31T12:00:00Z msg="lost"
t=2026-01-31T12:00:00+0000 lvl=eror msg="lost" logger=sqlstore
E0131 12:00:00.499073       1 main.go:39] lost
E20260131 12:00:00.499073     1 main.cc:39] lost
2026/01/31 12:00:00 [error] 7#7: *1 open() failed
[Sat Jan 31 12:00:00.123456 2026] [core:error] [pid 1] lost
[Sat Jan 31 12:00:00 2026] [error] [client 10.1.2.3] lost
2026-01-31 12:00:00.123 UTC [77] ERROR:  deadlock detected
2026-01-31T12:00:00.123456Z 0 [ERROR] [MY-010020] [Server] Data Dictionary initialization failed.
2026-01-31 12:00:00 7 [Error] InnoDB: Cannot open
2026-01-31T12:00:00.123+0000 E NETWORK  [conn1] Error receiving request
[2026-01-31T12:00:00Z ERROR shop::cart] lost
2026-01-31T12:00:00.123456Z ERROR shop::cart: lost
[2026-01-31 12:00:00,123] ERROR [Broker id=1] lost (kafka.server.ReplicaManager)
2026-01-31 12:00:00,123 [myid:1] - ERROR [main:QuorumPeerMain@98] - lost
[2026-01-31T12:00:00,123][ERROR][o.e.b.Bootstrap] [node-1] lost
[2026-01-31 12:00:00.123][1][error][upstream] [source/common.cc:7] lost
2026-01-31T12:00:00.123456Z	error	klog	lost
1.769860800e9	ERROR	controller	lost
2026-01-31 12:00:00 [error    ] lost                           order=7
12:00PM ERR lost order=7
2026.01.31 12:00:00.123456 [ 77 ] {} <Error> Application: lost
2026-01-31T12:00:00.123Z error vpxd[7] [Originator@6876 sub=x] lost
[2026-01-31T12:00:00.123+00:00] app.ERROR: lost {"order":7} []
[2026-01-31 12:00:00] production.ERROR: lost
PHP Fatal error:  Uncaught Exception in /x.php:7
[31-Jan-2026 12:00:00 UTC] PHP Fatal error:  Uncaught Exception
PHP Parse error: syntax error in /x.php on line 7
Traceback (most recent call last):
Exception in thread "main" java.lang.NullPointerException
java.lang.IllegalStateException: lost
TypeError: Cannot read properties of undefined
Error: Cannot find module 'x'
E, [2026-01-31T12:00:00.123456 #7] ERROR -- : lost
01-31 12:00:00.123  1234  5678 E Cart    : lost
E/Cart( 1234): lost
2026-01-31 12:00:00.123456 E | etcdserver: lost
E: Unable to locate package x
<3>lost
=ERROR REPORT==== 31-Jan-2026::12:00:00 ===
Jan 31, 2026 12:00:00 PM com.shop.Cart save\nSEVERE: lost
26/01/31 12:00:00 ERROR Executor: lost
[2026-01-31, 12:00:00 UTC] {taskinstance.py:1} ERROR - lost
x ERROR y
2026-01-31 12:00:00 {"level":"error","msg":"lost"}
{'level': 'error', 'msg': 'lost'}
{"level":"error","msg":"x","ratio":NaN}
{"level":"error","msg":"x","tags":["a",],}
{"level":"error","msg":"cut off in the mid
{"@t":"2026-01-31T12:00:00Z","@mt":"Failed {X}","@l":"Error","X":1}
{"t":{"$date":"2026-01-31T12:00:00.123Z"},"s":"E","c":"NETWORK","id":7,"ctx":"conn1","msg":"lost"}
{"level":50,"time":1769860800000,"pid":1,"msg":"lost"}
{"message":"lost","level":400,"level_name":"ERROR","channel":"app"}
{"levelno":40,"msg":"lost"}
{"levelname":"ERROR","level":40,"msg":"lost"}
{"lvl":"error","msg":"lost"}
{"loglevel":"ERROR","msg":"lost"}
{"log.level":"ERROR","msg":"lost"}
{"log":{"level":"error"},"msg":"lost"}
{"LogLevel":"Error","Category":"Shop","Message":"lost"}
{"Timestamp":"2026-01-31T12:00:00Z","Level":"Error","MessageTemplate":"lost"}
{"severityText":"ERROR","body":"lost"}
{"SeverityText":"","SeverityNumber":17,"Body":"lost"}
{"severity_number":17,"msg":"lost"}
{"level":"ERROR+2","msg":"lost"}
{"version":"1.1","host":"n","short_message":"lost","level":3}
{"PRIORITY":"3","MESSAGE":"lost"}
{"level_value":40000,"level":"ERROR","message":"lost"}
{"priority":"error","message":"lost"}
{"@level":"error","@message":"lost"}
{"severity":"ERROR","message":"lost"}
""",
    "FATAL": r"""
crit: Shop.Cart[0]
[12:00:00 FTL] lost
2026-01-31 12:00:00.123 UTC [77] FATAL:  terminating connection
2026-01-31 12:00:00.123 UTC [77] PANIC:  could not write to file
[ALERT] 030/120000 (1) : Starting frontend x: cannot bind socket
2026/01/31 12:00:00 [emerg] 1#1: bind() failed
panic: runtime error: index out of range [7] with length 7
F0131 12:00:00.499073       1 main.go:39] lost
{"level":60,"msg":"lost"}
{"t":{"$date":"2026-01-31T12:00:00.123Z"},"s":"F","c":"-","msg":"lost"}
[2026-01-31 12:00:00,123] FATAL [KafkaServer id=1] lost (kafka.server.KafkaServer)
CRITICAL:root:lost
""",
    "WARN": r"""
1:M 31 Jan 2026 12:00:00.123 # WARNING overcommit_memory is set to 0
[WARNING] 030/120000 (1) : Server x is DOWN
warn: Microsoft.AspNetCore[0]
[WARN ][o.e.x] lost
[2026-01-31T12:00:00,123][WARN ][o.e.x.Y] [node-1] slow
[12:00:00 WRN] slow
WARNING:urllib3.connectionpool:Retrying
PHP Warning:  Undefined variable in /x.php
2026-01-31T12:00:00.123456Z 0 [Warning] [MY-010068] [Server] CA certificate is self signed.
W0131 12:00:00.499073       1 main.go:39] slow
level=warning msg=slow
{"level":"warning","msg":"slow"}
{"level":40,"msg":"slow"}
""",
    "INFO": r"""
INFO:     10.1.2.3:5000 - "GET /cart HTTP/1.1" 500 Internal Server Error
info: Microsoft.Hosting.Lifetime[14]
1:M 31 Jan 2026 12:00:00.123 * Background saving started
2026-01-31 12:00:00.123 UTC [77] LOG:  checkpoint starting: time
2026-01-31T12:00:00.123456Z 0 [Note] [MY-010051] [Server] ready
2026-01-31T12:00:00.123456Z 0 [System] [MY-010931] [Server] ready
INFO no error found
[INFO] retried after ERROR
[2026-01-31 12:00:00 +0000] [7] [INFO] Booting worker with pid: 7
{"@t":"2026-01-31T12:00:00Z","@mt":"Started {X}","X":1}
{"level":"info","msg":"error: none"}
{"level":30,"msg":"ERROR is the word"}
""",
    "DEBUG": r"""
dbug: Microsoft.EntityFrameworkCore[1]
[12:00:00 DBG] x
1:M 31 Jan 2026 12:00:00.123 - Accepted 10.0.0.1:5000
{"level":20,"msg":"x"}
""",
    "TRACE": r"""
trce: Microsoft[0]
[12:00:00 VRB] x
{"level":10,"msg":"x"}
""",
    "": r"""
no error found
error_count=0
there was no error at all
there were no errors
0 errors, 0 warnings
errors: 0
error rate is 0.02
ERROR rate below the budget
found no ERROR in the output
Without ERROR: done
log level set to ERROR
Setting the level to DEBUG
changed log level from INFO to ERROR
last error: none
error: none
error: null
last_error=none retries=0
GET /error HTTP/1.1
10.4.0.7 - - [31/Jan/2026:12:00:00 +0000] "GET /errors/500 HTTP/1.1" 200 5316
10.4.0.7 - - [31/Jan/2026:12:00:00 +0000] "GET /error.html HTTP/1.1" 404 12 "-" "fatal/1.0"
loaded module error_handler
ErrorHandler started
using class com.shop.ErrorHandler
errorless build finished in 12 ms
the failure detector is on
terror alert level raised in the novel
Information desk opened
player reached level 3
user warned about the debug fee
critical path computed in 12 ms
fatality report uploaded
cart 7041 saved in 12 ms
exporter listens on 9102
topic=errors partition=3 offset=7041
table ERROR_CODES has 7 rows
retrying in 5s
path /var/log/ERROR/x was rotated
{"msg":"no error found"}
{"msg":"error_count=0","errors":0}
{"msg":"player reached","level":3}
{"msg":"queued","priority":3}
{"msg":"x","level":null}
{"msg":"x","level":{"a":1}}
{"error":null,"msg":"done"}
{"s":"small","msg":"shirt"}
{}
{
[]
""",
}
CASES = [(level, line.replace("\\n", "\n")) for level, lines in SAID.items() for line in lines.strip().split("\n")]


@pytest.mark.parametrize(("level", "line"), CASES, ids=[f"{level}-{line[:50]}" for level, line in CASES])
def test_levels(level, line):
    assert facts(line).severity == level


@pytest.mark.parametrize(("level", "line"), CASES, ids=[f"{level}-{line[:50]}" for level, line in CASES])
def test_colours_do_not_hide_a_level(level, line):
    if not line.startswith("{"):
        coloured = "".join(f"\x1b[1;31m{word}\x1b[0m " for word in line.split(" "))
        if "\t" not in line and "\n" not in line and "  " not in line:
            assert facts(coloured).severity == level
        assert plain(f"\x1b[38;5;9m{line}\x1b[0m\x1b[K") == line


@pytest.mark.parametrize(
    ("number", "scale", "level"),
    [
        (3, "syslog", "ERROR"),
        ("3", "syslog", "ERROR"),
        (8, "syslog", ""),
        (17, "opentelemetry", "ERROR"),
        (3, "opentelemetry", "TRACE"),
        (40, "python", "ERROR"),
        (45, "python", "ERROR"),
        (40, "bunyan", "WARN"),
        (35, "bunyan", ""),
        (400, "monolog", "ERROR"),
        (400, "google", "WARN"),
        (500, "google", "ERROR"),
        (40_000, "logback", "ERROR"),
        ("error", "syslog", "ERROR"),
        (3, None, ""),
        (50, None, "ERROR"),
        (50.0, None, "ERROR"),
        (17, None, "ERROR"),
        (float("nan"), None, ""),
        (10**30, None, ""),
        ("9" * 9999, None, ""),
        (True, "syslog", ""),
        (None, None, ""),
    ],
)
def test_numbers_are_on_a_scale(number, scale, level):
    assert on_scale(number, scale) == level


@given(st.text() | st.text(alphabet="{}[]<>|:=/-*#ERO.\t\n \x1b0123456789"))
def test_any_text_has_a_level_or_none(text):
    assert facts(text).severity in (*NAMES, "")
    assert facts("{" + text).severity in (*NAMES, "")
    assert facts(json.dumps({"level": text})).severity in (*NAMES, "")


@pytest.mark.parametrize(
    "line",
    [
        "[" * 9999,
        "ERR " * 9999,
        "1" * 9999,
        "1 " * 9999,
        "E " * 9999,
        "\x1b[" * 9999,
        "\x1b]" * 9999,
        '{"level":' * 9999,
        "{" + "," * 99_999,
        "{" + ", " * 50_000 + "NaN",
        "warn" * 9999,
        "error.A." * 9999,
        "1:1" * 999,
        " " * 99_999 + "err",
    ],
)
def test_long_lines_are_read_once(line):
    for text in (line, "x" + line, "{" + line):
        assert facts(text).lines == 1
        assert 0 < len(plain(text)) <= len(text)
