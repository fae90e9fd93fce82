"""What the operator's log says of dead letters."""

from structlog.testing import capture_logs

from floodmark.records import Output
from floodmark.runtime.refusals import QUIET_SECONDS, SAMPLE, Refusals


def letter(error="not_json", value=b"{oops", topic="metrics", offset=7):
    said = {"topic": topic, "partition": 2, "offset": offset, "error": error, "message": "the message is not JSON"}
    headers = (("trace", b"x"), *((f"floodmark.{name}", str(value).encode()) for name, value in said.items()))
    return Output("dead_letters", b"k", value, headers)


def heard(*letters, hide=str, at=None):
    now = iter(at or [0.0] * len(letters))
    refusals = Refusals(hide, lambda: next(now))
    with capture_logs() as lines:
        for each in letters:
            refusals.hear(each)
    return lines


def test_the_first_of_each_reason_is_told_with_its_place_and_a_sample():
    (line,) = heard(letter())
    assert line["log_level"] == "warning"
    assert line["event"] == "sent to the dead letters: the message is not JSON"
    assert {name: line[name] for name in ("topic", "partition", "offset", "error", "sample")} == {
        "topic": "metrics",
        "partition": "2",
        "offset": "7",
        "error": "not_json",
        "sample": "{oops",
    }


def test_a_flood_is_one_line_a_minute_for_each_topic_and_reason():
    many = [letter(offset=i) for i in range(100)]
    others = [letter(error="too_large"), letter(topic="logs")]
    lines = heard(*many, *others, letter(), at=[*[1.0] * 102, 1.0 + QUIET_SECONDS])
    assert [(line["topic"], line["error"], line.get("more")) for line in lines] == [
        ("metrics", "not_json", None),
        ("metrics", "too_large", None),
        ("logs", "not_json", None),
        ("metrics", "not_json", "99 like it since the last line"),
    ]


def test_a_sample_is_short_masked_and_absent_where_nothing_can_mask_it():
    (line,) = heard(
        letter(value=b"password=hunter2 " + b"x" * 500), hide=lambda text: text.replace("hunter2", "<secret>")
    )
    assert line["sample"].startswith("password=<secret> x")
    assert len(line["sample"]) == SAMPLE
    (line,) = heard(letter(), hide=None)
    assert "sample" not in line
    (line,) = heard(letter(value=b"\xff\xfe"))
    assert line["sample"] == "��"


def test_a_letter_without_a_reason_is_told_all_the_same():
    (line,) = heard(Output("dead_letters", None, None, (("floodmark.left-out", b"value of 9 bytes for alerts"),)))
    assert line["event"] == "sent to the dead letters: value of 9 bytes for alerts"
