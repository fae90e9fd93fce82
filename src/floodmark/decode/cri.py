"""Lines of the Kubernetes container runtime interface (containerd, CRI-O) to logs: `TIME stdout|stderr P|F MESSAGE`.

`P` says that the line goes on in the next one of the same stream; such records are `partial`, and joined where logs are
detected. The line does not say where it is from. The record's key does: the path of the log file
(/var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log or /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log), or else the
name of the service. Source: Kubernetes' KEP "CRI container logs" and `kubelet`'s parser.
"""

from __future__ import annotations

import re

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts
from floodmark.decode.decoder import EventError
from floodmark.decode.text_lines import TextDecoder
from floodmark.records import Record
from floodmark.signals import Log

_LINE = re.compile(r"(\S{20,40}) (stdout|stderr) ([PF])(?::\S{0,64})?(?: |$)", re.ASCII)
_POD = re.compile(r"(?:.*/)?pods/([^_/]+)_([^_/]+)_[^/]+/([^/]+)/[^/]*")
_LONGEST = 4_096
"""Characters of a path, as Linux has it."""
_CONTAINER = re.compile(r"(?:.*/)?containers/([^_/]+)_([^_/]+)_(.+?)-[0-9a-f]{12,64}\.log")
_KNOWN = 2048


class CriDecoder(TextDecoder):
    """Decodes lines of container logs; a message may hold several. Its memo of keys is no state."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(self._log, Admission(limits), limits, _lines)
        self._places: dict[bytes | None, dict[str, str]] = {}

    def _log(self, line: str, record: Record, latest: float) -> Log:
        match = _LINE.match(line)
        if match is None:
            raise EventError("wrong_type", "the line does not begin as the lines of a container log: TIME stdout F …")
        body = line[match.end() :]
        time = self._admission.time(match[1], latest)
        labels = self._places.get(record.key)
        if labels is None:
            labels = self._place(record.key)
        said = facts(body)
        if said.service and said.service != labels.get("service"):
            labels = self._admission.labels({**labels, "service": said.service}, "labels")
        partial = match[3] == "P"
        return self._admission.line(
            time, body, said.severity, labels, {"stream": match[2]}, said.trace, partial=partial, count=said.lines
        )

    def _place(self, key: bytes | None) -> dict[str, str]:
        labels = self._admission.labels(place_of((key or b"").decode(errors="replace")), "labels")
        if len(self._places) >= _KNOWN:
            self._places.clear()
        self._places[key] = labels
        return labels


def _lines(value: bytes) -> list[bytes]:
    return [line.rstrip(b"\r") for line in value.rstrip(b"\r\n\0").split(b"\n")]


def place_of(path: str) -> dict[str, str]:
    """The labels that the path of a container's log file tells; any other text names the service."""
    if len(path) > _LONGEST:
        return {"service": path}
    if match := _POD.fullmatch(path):
        return {"service": match[3], "namespace": match[1], "pod": match[2], "container": match[3]}
    if match := _CONTAINER.fullmatch(path):
        return {"service": match[3], "namespace": match[2], "pod": match[1], "container": match[3]}
    return {"service": path} if path else {}
