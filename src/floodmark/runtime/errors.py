"""What can stop a run. Each message is a sentence for the operator: what is wrong, where, what to do.

RunError
├── UnreachableError      no broker answers, or the group is lost; `run` begins again, for ever, and never raises it
│   ├── AwayError         no bootstrap server answers
│   └── FencedError       a task has another owner now: leave the group and join anew
├── MissingTopicsError    topics that must exist do not
├── SecurityError         TLS or SASL refused us, or the settings cannot work
│   └── CertificateError  a certificate is not accepted, the broker's or ours
├── PermissionDeniedError the user may not read, write or join
├── AddressError          the HTTP endpoint's address cannot be bound
├── SchemasAwayError      the schema registry does not answer: the partitions that need it wait, `run` never raises it
├── DrainError            a stop could not deliver what was in flight in time (it is read again at the next start)
├── SnapshotError         the store of snapshots cannot be used, read or written
└── EmbeddedBrokerError   the in-process broker cannot be had
"""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import errors as kafka_errors


class RunError(Exception):
    """Stops the run; its text is all that the operator needs."""


class UnreachableError(RunError):
    """No bootstrap server answers, or the coordinator has lost the group: a matter of time, so it is tried again."""


class AwayError(UnreachableError):
    """No bootstrap server answers; `reasons` has the reason of each."""

    def __init__(self, reasons: str) -> None:
        self.reasons = reasons
        super().__init__(f"Kafka is not reachable at {reasons}")


class FencedError(UnreachableError):
    """A task's producer was fenced (KIP-98): somebody else owns the task. Its producer must never be started again."""


class MissingTopicsError(RunError):
    """Topics that must exist do not: `topics` names them."""

    def __init__(self, topics: Iterable[str], command: str) -> None:
        self.topics = tuple(topics)
        names = ", ".join(self.topics)
        super().__init__(
            f"{'Topic' if len(self.topics) == 1 else 'Topics'} {names} "
            f"{'does' if len(self.topics) == 1 else 'do'} not exist; create with: {command}"
        )


class SecurityError(RunError):
    """TLS or SASL refused us, or the settings cannot work."""


class CertificateError(SecurityError):
    """A certificate is not accepted: at a start that ends the run, later it is waited for, since certificates are
    renewed."""


class PermissionDeniedError(RunError):
    """The user may not do what the run needs."""


class SchemasAwayError(RunError):
    """The schema registry does not answer, or refuses us: a matter of time, or of its settings."""


class AddressError(RunError):
    """The HTTP endpoint's address cannot be bound."""


class DrainError(RunError):
    """What was in flight could not be delivered in time; nothing is lost, it is read again at the next start."""


class SnapshotError(RunError):
    """The store of snapshots cannot be used, read or written. Its text never holds a key or a signature.

    `kind` is the metric's label: full, slow, denied, unreachable, or other.
    """

    def __init__(self, text: str, kind: str = "other") -> None:
        self.kind = kind
        super().__init__(text)


class EmbeddedBrokerError(RunError):
    """The in-process broker cannot be had."""


def refused(error: Exception, user: str | None) -> RunError | None:
    """The sentence for an error of aiokafka that no retry mends, or None if it is not of that kind."""
    who = f"user {user!r}" if user else "an anonymous client"
    match error:
        case kafka_errors.TopicAuthorizationFailedError():
            topics = ", ".join(sorted(_names(error))) or "a topic"
            return PermissionDeniedError(
                f"Kafka does not let {who} use topic {topics}; grant READ (inputs) or WRITE (outputs), and DESCRIBE"
            )
        case kafka_errors.GroupAuthorizationFailedError():
            group = ", ".join(sorted(_names(error))) or "the consumer group"
            return PermissionDeniedError(f"Kafka does not let {who} join group {group}; grant READ on it")
        case kafka_errors.ClusterAuthorizationFailedError():
            return PermissionDeniedError(
                f"Kafka does not let {who} write idempotently; grant IDEMPOTENT_WRITE on the cluster"
            )
        case kafka_errors.TransactionalIdAuthorizationFailed():
            prefix = ", ".join(sorted(_names(error))) or "the prefix kafka.group"
            return PermissionDeniedError(
                f"Kafka does not let {who} use transactions; grant WRITE and DESCRIBE on transactional id {prefix}"
            )
        case kafka_errors.UnsupportedSaslMechanismError():
            return SecurityError("Kafka does not take this mechanism on this port; see kafka.security.sasl_mechanism")
        case (
            kafka_errors.SaslAuthenticationFailed()
            | kafka_errors.AuthenticationFailedError()
            | kafka_errors.AuthenticationMethodNotSupported()
            | kafka_errors.IllegalSaslStateError()
        ):
            reason = (
                ", ".join(str(argument) for argument in error.args if isinstance(argument, str)) or type(error).__name__
            )
            return SecurityError(
                f"Kafka refused to authenticate {who}: {reason.rstrip('.')}; see kafka.security in the configuration"
            )
    return None


def _names(error: Exception) -> list[str]:
    names: list[str] = []
    for argument in error.args:
        names += [argument] if isinstance(argument, str) else map(str, argument)
    return names
