import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.logs import headers
from floodmark.detect.logs.tokens import folded, words


def stripped(line):
    found = words(folded(line))
    start = headers.length("".join(map(headers.classify, found)))
    return " ".join(words(line)[start:])


HEADERS = [
    "03-17 16:13:38.811  1702  2395 D WindowManager: {}",
    "03-17 16:13:38.811  1702  2395 I chatty  : {}",
    "2015-10-18 18:01:47,978 INFO [main] org.example.app.Master: {}",
    "2015-10-18 18:01:53,885 WARN [IPC Server handler 0 on 62270] org.example.ipc.Server: {}",
    "2015-07-29 17:41:44,747 - INFO  [Peer[myid=1]/0:0:0:0:0:0:0:0:2181:Election@774] - {}",
    "2015-07-29 17:41:44,747 - WARN  [Thread(sid:2 cport:-1)::Processor@476] - {}",
    "2020-01-01T10:00:00.000Z info hostd[2099] [Originator@6876 sub=Vimsvc opID=5f-a7 user=vpxuser:root] {}",
    "2020-01-01T10:00:00.000Z error hostd[2099] [Originator@6876 sub=Vimsvc] {}",
    "[10:00:00] [Server thread/INFO]: {}",
    "Jul  1 09:00:55 laptop-10-105 kernel[0]: {}",
    "Jul  1 09:00:55 laptop sandboxd[129] ([31211]): {}",
    "Jul  1 09:00:55 laptop org.example.launchd[1] (org.example.helper[21]): {}",
    "Jul  1 09:00:55 laptop Word Processor[14463]: {}",
    "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: {}",
    "Jun 14 15:16:01 combo syslogd 1.4.1: {}",
    "Jun 14 15:16:01 combo dhcpd: {}",
    "Jun 14 15:16:01 combo -- root[2421]: {}",
    "<13>Jan  2 00:00:00 host prog[12]: {}",
    "<34>1 2003-10-11T22:14:15.003Z host.example.com su - ID47 - {}",
    '<34>1 2003-10-11T22:14:15.003Z host app 12 ID47 [sd@32473 iut="3" source="App"] {}',
    "2020-01-01T10:00:00Z host prog[1]: {}",
    "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[2915]: {}",
    "VAPI 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 kernel: {}",
    "- 1117838570 2005.06.03 R02-N0-C:J12 2005-06-03-15.42.50.675872 R02-N0-C:J12 RAS KERNEL INFO {}",
    "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 {}",
    "134681 node-246 unix.hw state_change.unavailable 1077804742 {}",
    "[10.30 16:49:06] browser.exe - {}",
    "[10.30 16:49:06] browser.exe *64 - {}",
    "[10.30 16:49:06] 7zip.exe - {}",
    "2016-09-28 04:30:30, Info                  {}",
    "[Sun Dec 04 04:47:44 2005] [notice] {}",
    "[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 35708:tid 4328] [client 72.15.99.187] {}",
    "081109 203615 148 INFO dfs.Node$Responder: {}",
    "17/06/09 20:10:40 INFO executor.Backend: {}",
    "20171223-22:15:29:606|Step_LSC|30002312|{}",
    "api.log.1.2017-05-16 2017-05-16 00:00:00.008 25746 INFO nova.api.wsgi.server [req-3810 113d 54fa - - -] {}",
    "I0102 15:04:05.123456    1234 file.go:12] {}",
    "2016-10-06T00:17:09.669794202Z stdout F {}",
    "web_1  | 2020-01-01T10:00:00Z {}",
    "2020-01-01 00:00:00.000  INFO 12345 --- [           main] o.e.b.Application                  : {}",
    "2020-01-01 10:00:00,123 - root - INFO - {}",
    "2020-01-01 00:00:00.000 | INFO     | __main__:<module>:1 - {}",
    "2009/11/10 23:00:00 main.go:23: {}",
    "2017-01-01 00:00:00.000 UTC [123] user@db ERROR:  {}",
    "1:M 01 Jan 2020 00:00:00.000 * {}",
    "2020-01-01T00:00:00.000000Z 0 [Note] [MY-010747] [Server] {}",
    "[2020-01-01T00:00:00,000][INFO ][o.e.n.Node               ] [node-1] {}",
    "2020-01-01 00:00:00.000 [info] <0.123.0> {}",
    "[    0.000000] {}",
    "12:00:01.123 [main] DEBUG c.f.Bar - {}",
    "1131566461.123 INFO {}",
    "2024-01-02T03:04:05+01:00 {}",
]
BODIES = [
    "cache is cold",
    "Failed: no such file",
    "TypeError: cannot add",
    "java.io.IOException: closed",
    "opened x.y for 10 users - slowly",
    "took 5 ms",
    "error opening x",
    "Alert sent",
]


@pytest.mark.parametrize("header", HEADERS)
def test_the_header_is_left_out_and_nothing_else(header):
    assert stripped(header.format("cache is cold again")) == "cache is cold again"


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("header", [header for header in HEADERS if header.startswith(("0", "20", "J", "17"))])
def test_the_beginning_of_the_body_is_no_header(header, body):
    assert stripped(header.format(body)).endswith(body)


@pytest.mark.parametrize(
    "body",
    [
        *BODIES,
        "started at 10:00 by cron",
        "connection from 10.0.0.1 () at Fri Jul 22 19:29:09 2005",
        "1365301360 double-hummer alignment exceptions",
        "12:00:01 up 5 days",
        "ERROR in line 5",
        "[instance: 5] Took 3.5 seconds to build",
        '10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326',
        "2015-10-18 18:01:47",
        "Nov 9",
        "",
    ],
)
def test_a_line_without_a_header_is_all_body(body):
    assert stripped(body) == " ".join(words(body))


@given(st.text(alphabet="VUL-|()BNSTDEMWKPQXwkl;pv:FORZ", max_size=60))
def test_something_is_always_left(classes):
    assert 0 <= headers.length(classes) <= max(len(classes) - 1, 0)


@pytest.mark.parametrize(
    "word", ["a$" * 500_000, "Aa" * 500_000, "[" * 10**6, "a." * 500_000, "A" * 10**6 + ":", "<" + "0" * 10**6]
)
@pytest.mark.timeout(120)  # milliseconds where time is linear, hours where it is quadratic
def test_a_long_word_takes_linear_time(word):
    assert headers.classify(word)
    assert headers.classify(word[:256])
