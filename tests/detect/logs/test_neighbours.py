"""What is a value by what stands around it, and what is one value."""
# ruff: noqa: RUF001 full-width marks are what some of it is about

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.logs.lines import Lines
from floodmark.detect.logs.neighbours import MOST_TOKENS, runs
from floodmark.detect.logs.tokens import ANY, VALUE


def text(body):
    return Lines().of(body).form.text()


@pytest.mark.parametrize(
    "bodies",
    [
        # nothing in the place of a value
        ("lock=7, ws=null, uid=5", "lock=7, ws=WorkSource{10113}, uid=5"),
        ("instance id=None, rack=a", "instance id=Some(7), rack=b"),
        ("connect from unknown[10.0.0.1]", "connect from mail.example.org[fe80::1]"),
        ("image path: (null)", "image path: /a/b"),
        ("[null] Request refused", "[7f3a-12] Request refused"),
        ("order shipped to N/A", "order shipped to eu-1"),
        ("allDrawn= false, moved = true", "allDrawn= true, moved = false"),
        ("call(1, true, null)", "call(2, false)"),
        ("cleared: yes", "cleared: no"),
        ("fans ( 10 - 30 **** )", "fans ( - 20 30 )"),
        ("peer=- up", "peer=10.0.0.1 up"),
        # optional and alternative parts
        ("sent 1190 bytes (1.16 KB) to x", "sent 12 bytes to x"),
        ("connected web1(10.0.0.1):80 by rule", "connected 10.0.0.1:80 by rule"),
        ("ended host=[local] now", "ended host=10.0.0.1 now"),
        ("took 5 ms, 1 row", "took 2 s, 7 rows"),
        ("took 5 milliseconds", "took 5 ms"),
        ("at Fri Mar 6 10:00:00 CET 2026 on", "at Fri Jul 6 10:00:00 CEST 2026 on"),
        # lists
        ("replicas (id: 1, end: 5) (id: 2, end: 6).", "replicas (id: 3, end: 7)."),
        ('stores "a", "b" affected', 'stores "c" affected'),
        ("roles=[ADMIN, USER] ok", "roles=[] ok", "roles=[AUDITOR] ok"),
        ("map(1 -> f(2), 3 -> f(4, 5))", "map(1 -> f(2))"),
        ("supply ( on off ) read", "supply ( on on on ) read"),
        # quotes
        ('tag="View Lock", flags=0', "tag=alarm, flags=0"),
        ('relation "users" is gone', 'relation "line items" is gone'),
        ("Bean 'a' made", "Bean 'orderService' made"),
        # names
        ("password for root from 10.0.0.1", "password for alice from 10.0.0.2"),
        ("Command aborted by alice", "Command aborted by svc_backup"),
        ("Interface lo, changed", "Interface Gi0/32, changed", "Interface ge-0/0/1.0, changed"),
        ("read from app.orders in 5 ms", "read from users2 in 7 ms"),
        ("registering com.acme.OrderEvent now", "registering net.zorg.Bus$Inner now"),
        ("said O'Brien42", "said x7"),
        # addresses
        ("from ::1 port 7", "from 10.0.0.1 port 7", "from 2001:db8::1 port 7"),
        ("to host/10.0.0.1:80 now", "to /10.0.0.1:80 now", "to web.lan:80 now", "to localhost:80 now"),
        ("mac XX:XX:XX:XX:XX:XX up", "mac 00:1b:44:11:3a:b7 up"),
        ("from x.x.x.x", "from 10.0.0.1"),
        (r"loaded C:\Program Files\a.dll", r"loaded D:\b.dll"),
    ],
)
def test_one_sentence(bodies):
    assert len(set(map(text, bodies))) == 1, list(map(text, bodies))
    assert text(bodies[0]).replace("<*>", "").strip(" ,().:"), "nothing but values"


@pytest.mark.parametrize(
    "bodies",
    [
        ("link is up", "link is down"),
        ("state=running for 5", "state=stopped for 5"),
        ("action=rotate id=5", "action=purge id=5"),
        ("feature 'on' for 5", "feature 'off' for 5"),
        ("region 0 - 7 (reserved)", "region 0 - 7 (usable)"),
        ("closed by peer", "closed by timeout"),
        ("interface reset", "interface went away"),
        ("user session ended", "user profile ended"),
        ('reason: "disk is full"', 'reason: "no such file"'),
        ("java.io.IOException: no", "java.net.BindException: no"),
        ("read 5 times", "write 5 times"),
        ("can't read", "won't read"),
        ("x <= limit", "x => limit"),
        ('{"a": 5}', '{"b": 5}'),
        ("retention.ms=5", "segment.ms=5"),
        ("port 5 open", "pid 5 open"),
    ],
)
def test_different_sentences(bodies):
    assert len(set(map(text, bodies))) == len(bodies), list(map(text, bodies))


@pytest.mark.parametrize(
    ("body", "template"),
    [
        ("订单17支付成功，金额30元", "订单<*>支付成功，金额<*>元"),
        ("订单１７支付失败，余额不足３元", "订单<*>支付失败，余额不足<*>元"),
        ("API调用超时：耗时35ms（第2次）", "API调用超时：耗时<*>（第<*>次）"),
        ("注文123の支払いが失敗しました。", "注文<*>の支払いが失敗しました。"),
        ("สั่งซื้อ42สำเร็จ", "สั่งซื้อ<*>สำเร็จ"),
        ("주문 42 결제 실패", "주문 <*> 결제 실패"),
        ("заказ 42 оплачен", "заказ <*> оплачен"),
        ("הזמנה 42 שולמה", "הזמנה <*> שולמה"),
    ],
)
def test_other_scripts(body, template):
    assert text(body) == template


tokens = st.lists(
    st.tuples(
        st.sampled_from([VALUE, "a", "up", "null", "user", "row", "a.b", "KB", "-", "Mar", "on"]),
        st.sampled_from([" ", " (", ")", "=", "=[", "]", '="', '"', ", ", ": ", ") (", "", "[", '\\"', "</", " = "]),
    ),
    max_size=300,
)


@given(tokens)
def test_every_token_is_in_one_run(pairs):
    said, between = [token for token, _ in pairs], ["", *(separator for _, separator in pairs)]
    at = 0
    for run in runs(said, between):
        assert run.start == at < run.said <= run.stop
        assert run.kind != ANY
        assert run.before <= len(between[run.start])
        assert run.after <= len(between[run.stop])
        at = run.stop
    assert at == len(said) or at >= MOST_TOKENS
