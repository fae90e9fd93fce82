import pytest
from aiokafka import errors as kafka_errors

from floodmark.runtime.errors import MissingTopicsError, PermissionDeniedError, SecurityError, refused


def test_missing_topics_name_the_command():
    one = MissingTopicsError(["metrics"], "floodmark topics create --config shop.yaml")
    assert str(one) == "Topic metrics does not exist; create with: floodmark topics create --config shop.yaml"
    assert str(MissingTopicsError(["a", "b"], "x")) == "Topics a, b do not exist; create with: x"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (kafka_errors.TopicAuthorizationFailedError("t"), PermissionDeniedError, "user 'me' use topic t;"),
        (kafka_errors.TopicAuthorizationFailedError({"t"}), PermissionDeniedError, "use topic t;"),
        (kafka_errors.GroupAuthorizationFailedError("g"), PermissionDeniedError, "join group g;"),
        (kafka_errors.ClusterAuthorizationFailedError(), PermissionDeniedError, "IDEMPOTENT_WRITE"),
        (
            kafka_errors.SaslAuthenticationFailed("Invalid credentials"),
            SecurityError,
            "user 'me': Invalid credentials;",
        ),
        (kafka_errors.UnsupportedSaslMechanismError(object()), SecurityError, "kafka.security.sasl_mechanism"),
        (kafka_errors.IllegalSaslStateError(object()), SecurityError, "user 'me': IllegalSaslStateError;"),
        (
            kafka_errors.TransactionalIdAuthorizationFailed("floodmark-detect-metrics-0"),
            PermissionDeniedError,
            "grant WRITE and DESCRIBE on transactional id floodmark-detect-metrics-0",
        ),
    ],
)
def test_what_no_retry_mends(error, kind, said):
    sentence = refused(error, "me")
    assert isinstance(sentence, kind)
    assert said in str(sentence)


@pytest.mark.parametrize("error", [kafka_errors.KafkaTimeoutError(), kafka_errors.NotLeaderForPartitionError()])
def test_the_rest_is_not_a_refusal(error):
    assert refused(error, None) is None
