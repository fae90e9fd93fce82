"""Jira in the shared suite: it makes an issue of every request, and finds them by label."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from suite import Case, Kinds, said

from floodmark.notify.sink import Answer, Delivered, Later, Refused, Request


class _Vendor:
    """With a workflow To Do -> In Progress -> Done, in which only Done can be reopened."""

    def __init__(self) -> None:
        self.issues: dict[str, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Answer:
        path = re.sub(r"^.*/rest/api/[23]", "", urlsplit(request.url).path)
        body = json.loads(request.body) if request.body else None
        if path in ("/search/jql", "/search"):
            (label,) = re.findall(r'labels = "([^"]+)"', body["jql"])
            found = [key for key, issue in self.issues.items() if label in issue["labels"]]
            return _answer(200, {"issues": [self._shown(key) for key in reversed(found)][: body["maxResults"]]})
        if path == "/issue":
            key = f"OPS-{len(self.issues) + 1}"
            self.issues[key] = {"labels": body["fields"]["labels"], "status": "To Do", "comments": []}
            return _answer(201, {"id": "10000", "key": key, "self": "https://example.atlassian.net/x"})
        _, _, key, *rest = path.split("/")
        if key not in self.issues:
            return _answer(404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]})
        issue = self.issues[key]
        if rest == ["comment"]:
            issue["comments"].append(body["body"])
            return _answer(201, {"id": "1"})
        if rest == ["transitions"] and body is None:
            return _answer(200, {"transitions": self._ways(issue)})
        if rest == ["transitions"]:
            (way,) = (each for each in self._ways(issue) if each["id"] == body["transition"]["id"])
            issue["status"] = way["to"]["name"]
            return Answer(204)
        return Answer(204) if request.method == "PUT" else _answer(200, self._shown(key))

    @staticmethod
    def _ways(issue: dict[str, Any]) -> list[dict[str, Any]]:
        if issue["status"] == "Done":
            return [{"id": "11", "name": "Reopen", "to": _status("To Do")}]
        return [
            {"id": "21", "name": "Start", "to": _status("In Progress")},
            {"id": "31", "name": "Close issue", "to": _status("Done")},
        ]

    def _shown(self, key: str) -> dict[str, Any]:
        return {"id": "10000", "key": key, "fields": {"status": _status(self.issues[key]["status"])}}

    def standing(self) -> list[tuple[str, bool]]:
        return [(issue["labels"][0], issue["status"] != "Done") for issue in self.issues.values()]


def _status(name: str) -> dict[str, Any]:
    return {"name": name, "statusCategory": {"key": {"Done": "done", "To Do": "new"}.get(name, "indeterminate")}}


def _answer(status: int, body: Any) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(body).encode())


def _identity(request: Request) -> str | None:
    if not request.url.endswith("/issue"):
        return None
    return str(json.loads(request.body)["fields"]["labels"][0])


def _expect(status: int, request: Request) -> Kinds:
    """An issue that is not there is looked for, and made."""
    reading = request.method == "GET" and "?fields=status" in request.url
    return (Delivered, Later, Refused) if status == 404 and reading else said(status, request)


def _wiki(request: Request) -> None:
    """A summary is plain text; the rest is wiki text, and has no markup in it that was told."""
    body = json.loads(request.body) if request.body else {}
    text = str(body.get("body") or body.get("fields", {}).get("description")) if "jql" not in body else ""
    for piece in ("{panic}", "{{ danger }}", "*bold*", "||", "[click]("):
        assert piece not in text, text[:300]


_SECTION = {
    "url": "https://example.atlassian.net/",
    "project": "OPS",
    "token": "ATATT3xFfGF0-abcdef",
    "labels": ["on call"],
}
CASES = [
    Case(
        kind="jira",
        name="cloud",
        section={**_SECTION, "email": "floodmark@example.org"},
        hosts=frozenset({"example.atlassian.net"}),
        vendor=_Vendor,
        identity=_identity,
        expect=_expect,
        most=256 * 1024,
    ),
    Case(
        kind="jira",
        name="datacenter",
        section={**_SECTION, "edition": "datacenter", "url": "https://jira.example.org/tracker"},
        hosts=frozenset({"jira.example.org"}),
        vendor=_Vendor,
        identity=_identity,
        expect=_expect,
        check=_wiki,
        most=256 * 1024,
    ),
]
