import sys
from pathlib import Path

import pytest

from floodmark.signals import Log

sys.path.insert(0, str(Path(__file__).parent))
from reading import NOON, decode, error, one

LINE = "2026-01-31T12:00:00.250000000Z stdout F INFO cart saved"
LABELS = {"service": "app", "namespace": "shop", "pod": "cart-1", "container": "app"}


@pytest.mark.parametrize(
    ("key", "labels"),
    [
        (b"/var/log/pods/shop_cart-1_0c9b8f5e-6b1d/app/0.log", LABELS),
        (b"/var/log/containers/cart-1_shop_app-" + b"0a" * 32 + b".log", LABELS),
        (b"cart", {"service": "cart"}),
        (None, {}),
        (b"\xff", {"service": "\ufffd"}),
    ],
)
def test_the_key_says_where_a_line_is_from(key, labels):
    assert one("cri", LINE, key=key) == Log(NOON + 0.25, "INFO cart saved", "INFO", labels, {"stream": "stdout"})


def test_pieces_are_marked_and_keep_their_blanks():
    log = one("cri", "2026-01-31T12:00:00Z stderr P  half ")
    assert (log.partial, log.body) == (True, " half ")
    assert not one("cri", "2026-01-31T12:00:00Z stderr F").partial


def test_a_message_may_hold_many_lines():
    decoded = decode("cri", f"{LINE}\nnonsense\n{LINE}\n")
    assert len(decoded.signals) == 2
    assert [(r.index, r.error, r.value) for r in decoded.refused] == [(1, "wrong_type", b"nonsense")]
    assert error("cri", "\n".join([LINE] * 5), events=4) == "too_many_events"


def test_a_json_line_says_more():
    body = '{"level":"error","service":"till","trace_id":"t"}'
    log = one("cri", f"2026-01-31T12:00:00+00:00 stdout F {body}", key=b"x")
    assert (log.severity, log.labels, log.trace_id) == ("ERROR", {"service": "till"}, "t")


def test_refusals():
    assert error("cri", "2026-01-31T12:00:00Z stdlog F x") == "wrong_type"
    assert error("cri", "2026-01-31T12:00:00.00000 stdout F x") == "not_a_time"
