"""What brokers, topics and rights should be like: answers of a cluster in, findings out."""

import pytest

from floodmark.config.models import Config
from floodmark.diagnose import topics as looked
from floodmark.diagnose.asking import Broker, Cluster, Partition, Topic
from floodmark.diagnose.finding import lasting, spell
from floodmark.diagnose.rights import joined, needed, rights, transactional

ALONE = (Partition(1, 1, 1),) * 3
ALL = frozenset({"READ", "WRITE", "DESCRIBE"})
OURS = ("floodmark.anomalies", "floodmark.alerts", "floodmark.dead-letters")


def config(**more):
    return Config.model_validate({"inputs": [{"topic": "metrics", "signal": "metric"}], **more})


def cluster(*, brokers=1, partitions=ALONE, settings=None, refused=None, **topics):
    there = {name: Topic("", partitions, ALL) for name in ("metrics", *OURS)}
    there |= {name.replace("_", "."): topic for name, topic in topics.items()}
    named = [Broker(number, f"b{number}:9092", 0.002, "3.9") for number in range(brokers)]
    return Cluster(named, there, settings or {}, refused or {}, {})


def said(findings):
    findings = list(findings)
    return [(f.mark, f.where) for f in findings if f.mark != "ok"], " ".join(f"{f.words}; {f.todo}" for f in findings)


def test_all_is_well():
    found = [
        *looked.kafka(cluster()),
        *looked.topics(config(), cluster(settings={"metrics": {"retention.ms": "604800000"}})),
    ]
    assert {f.mark for f in found} == {"ok"}
    assert [f.where for f in found] == ["broker 0 at b0:9092", "metrics", *OURS]
    assert found[0].words == "answers in 2 ms; its API is that of Kafka 3.9 or newer"
    assert found[1].words == "3 partitions, 1 replica, kept for 7 days"


def test_a_broker_that_does_not_answer_is_named_with_its_reason():
    broken = cluster()._replace(brokers=[Broker(2, "b:9", reason="b:9: connection refused"), Broker(1, "a:9", 0.1, "")])
    old, away = looked.kafka(broken)
    assert (old.mark, away.mark) == ("warning", "problem")
    assert away.words == "does not answer: connection refused"
    assert "advertised.listeners" in away.todo


def test_missing_topics_say_what_to_do():
    gone = Topic("UnknownTopicOrPartitionError")
    found, words = said(looked.topics(config(), cluster(metrics=gone, floodmark_alerts=gone)))
    assert found == [("problem", "metrics"), ("problem", "floodmark.alerts")]
    assert "floodmark topics create" in words
    assert "is the name right?" in words


@pytest.mark.parametrize(
    ("partitions", "brokers", "settings", "mark", "words"),
    [
        ((Partition(-1, 3, 0),), 3, {}, "problem", "no leader"),
        ((Partition(1, 1, 1),), 1, {"min.insync.replicas": "2"}, "problem", "nothing can be written"),
        ((Partition(1, 3, 1),), 3, {"min.insync.replicas": "2"}, "problem", "2 are needed to write"),
        ((Partition(1, 3, 2),), 3, {"min.insync.replicas": "2"}, "warning", "2 of 3 replicas"),
        ((Partition(1, 1, 1),), 3, {}, "warning", "one replica on a cluster of 3"),
        ((Partition(1, 1, 1),), 1, {"cleanup.policy": "compact"}, "problem", "is compacted"),
        ((Partition(1, 1, 1),), 1, {"retention.ms": "60000"}, "problem", "what is not read by then is lost"),
    ],
)
def test_what_is_wrong_with_a_topic_of_ours(partitions, brokers, settings, mark, words):
    topic = Topic("", partitions, ALL)
    found, text = said(
        looked.topics(config(), cluster(brokers=brokers, settings={OURS[0]: settings}, floodmark_anomalies=topic))
    )
    assert (mark, OURS[0]) in found
    assert words in text


@pytest.mark.parametrize(
    ("settings", "mark", "words"),
    [
        ({"retention.ms": "10800000"}, "warning", "is kept for 3 h, and a first start learns from the last 6 h"),
        ({"retention.ms": "-1"}, None, ""),
        ({"cleanup.policy": "compact"}, "warning", "is compacted"),
        ({"retention.bytes": "1000000"}, "warning", "is cut at 1 MB a partition"),
        ({"max.message.bytes": "9000000"}, "warning", "limits.message"),
    ],
)
def test_what_is_wrong_with_an_input(settings, mark, words):
    found, text = said(looked.topics(config(), cluster(settings={"metrics": settings})))
    assert found == ([(mark, "metrics")] if mark else [])
    assert words in text


def test_a_large_message_does_not_fit_into_the_dead_letters():
    settings = {"metrics": {"max.message.bytes": "1000000"}, OURS[2]: {"max.message.bytes": "1000"}}
    _, text = said(looked.topics(config(), cluster(settings=settings)))
    assert "set max.message.bytes=1000000 there" in text


def test_feedback_has_one_partition_that_is_kept():
    topic = Topic("", (Partition(1, 1, 1),) * 2, ALL)
    settings = {"floodmark.feedback": {"retention.ms": "86400000"}}
    found, text = said(looked.topics(config(feedback={}), cluster(settings=settings, floodmark_feedback=topic)))
    assert found == [("problem", "floodmark.feedback"), ("warning", "floodmark.feedback")]
    assert "verdicts need one order" in text
    assert "set retention.ms=-1" in text


def test_the_rights_that_are_needed():
    assert needed(config()) == {
        "metrics": ("READ", "DESCRIBE"),
        "floodmark.anomalies": ("READ", "DESCRIBE", "WRITE"),
        "floodmark.alerts": ("WRITE", "DESCRIBE"),
        "floodmark.dead-letters": ("WRITE", "DESCRIBE"),
    }
    assert joined(config()) == ["floodmark-detect", "floodmark-correlate"]
    assert transactional(config())["floodmark-detect"] == "floodmark-detect-metrics-0"


def test_a_right_that_lacks_is_said_with_the_command_that_grants_it():
    user = {"kafka": {"security": {"protocol": "SASL_SSL", "username": "shop"}}}
    halved = Topic("", (Partition(1, 1, 1),), frozenset({"READ", "DESCRIBE"}))
    unseen = Topic("TopicAuthorizationFailedError")
    refused = {"floodmark-detect": "", "floodmark-correlate": "GroupAuthorizationFailedError"}
    refused |= {"floodmark-detect-metrics-0": "TransactionalIdAuthorizationFailed"}
    found = list(rights(config(**user), cluster(metrics=unseen, floodmark_anomalies=halved, refused=refused)))
    wrong = {f.where: (f.words, f.todo) for f in found if f.mark == "problem"}
    grant = "kafka-acls.sh … --add --allow-principal User:shop"
    assert wrong == {
        "topic metrics": (
            "user shop may not even see it (it may not be there)",
            f"{grant} --operation Read --operation Describe --topic metrics",
        ),
        "topic floodmark.anomalies": (
            "user shop lacks WRITE",
            f"{grant} --operation Write --topic floodmark.anomalies",
        ),
        "group floodmark-correlate": (
            "user shop may not join it",
            f"{grant} --operation Read --group floodmark-correlate",
        ),
        "transactional id floodmark-detect-metrics-0": (
            "user shop may not use it, nor others of its like",
            f"{grant} --operation Write --operation Describe --transactional-id floodmark "
            "--resource-pattern-type prefixed",
        ),
    }
    assert [f.where for f in found if f.mark == "ok"] == ["2 topics", "1 group"]


def test_what_kafka_does_not_say_is_unknown():
    found = list(rights(config(), cluster(metrics=Topic("", (Partition(1, 1, 1),), None))))
    assert [(f.mark, f.where) for f in found] == [("unknown", "topic metrics"), ("ok", "3 topics")]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.002, "2 ms"),
        (5, "5 s"),
        (119, "119 s"),
        (599, "10 min"),
        (10_800, "3 h"),
        (-7_200, "2 h"),
        (604_800, "7 days"),
    ],
)
def test_time_spans_as_people_say_them(seconds, words):
    assert lasting(seconds) == words


def test_counts_as_people_say_them():
    assert [spell(1, "record"), spell(1200, "record"), spell(2, "series", "series")] == [
        "1 record",
        "1,200 records",
        "2 series",
    ]


def test_the_ledger_of_the_notifier_is_compacted_and_has_as_many_partitions_as_the_alerts():
    told, ledger = config(notify={}), "floodmark.deliveries"
    there = cluster(settings={ledger: {"cleanup.policy": "compact"}}, floodmark_deliveries=Topic("", ALONE, ALL))
    assert said(looked.topics(told, there))[0] == []
    short = cluster(settings={ledger: {"cleanup.policy": "compact"}}, floodmark_deliveries=Topic("", ALONE[:1], ALL))
    found, words = said(looked.topics(told, short))
    assert found == [("problem", ledger)]
    assert "1 partition, and floodmark.alerts has 3: it needs as many" in words
    deleted = cluster(
        settings={ledger: {"cleanup.policy": "delete", "retention.ms": "60000"}},
        floodmark_deliveries=Topic("", ALONE, ALL),
    )
    found, words = said(looked.topics(told, deleted))
    assert found == [("problem", ledger)]
    assert "is not compacted" in words


def test_the_notifier_needs_rights_of_its_own():
    told = config(notify={"requests": [{"targets": ["x"]}]}, actions={})
    assert set(needed(told)["floodmark.deliveries"]) == {"READ", "WRITE", "DESCRIBE"}
    assert set(needed(told)["floodmark.actions"]) >= {"READ", "WRITE"}
    assert "READ" in needed(told)["floodmark.model-requests"]
    assert "floodmark-notify" in joined(told)
    assert transactional(told)["floodmark-notify"] == "floodmark-notify-floodmark.alerts-0"
    assert "floodmark-notify" not in joined(config())
