"""What became of tests as JUnit's XML, which GitLab, Jenkins and GitHub show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from xml.etree import ElementTree

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Result(NamedTuple):
    """What became of a test. `failures`: each in words, its lines; `error`: why it could not be run, or empty."""

    file: str
    line: int
    name: str
    seconds: float
    failures: Sequence[str] = ()
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.failures and not self.error


def xml(results: Sequence[Result]) -> bytes:
    """The results, a suite for each file."""
    root = ElementTree.Element("testsuites", name="floodmark test")
    _sum(root, results)
    for file in dict.fromkeys(each.file for each in results):
        of_file = [each for each in results if each.file == file]
        suite = ElementTree.SubElement(root, "testsuite", name=_clean(file))
        _sum(suite, of_file)
        for each in of_file:
            case = ElementTree.SubElement(
                suite, "testcase", name=_clean(each.name), classname=_clean(file), file=_clean(file),
                line=str(each.line), time=f"{each.seconds:.3f}",
            )  # fmt: skip
            if each.error:
                told = ElementTree.SubElement(case, "error", message=_clean(each.error.splitlines()[0]))
                told.text = _clean(each.error)
            for failure in each.failures:
                told = ElementTree.SubElement(case, "failure", message=_clean(failure.splitlines()[0]))
                told.text = _clean(failure)
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode").encode() + b"\n"


def _sum(element: ElementTree.Element, results: Sequence[Result]) -> None:
    element.set("tests", str(len(results)))
    element.set("failures", str(sum(bool(each.failures) for each in results)))
    element.set("errors", str(sum(bool(each.error) for each in results)))
    element.set("time", f"{sum(each.seconds for each in results):.3f}")


def _clean(text: str) -> str:
    """Without what XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
