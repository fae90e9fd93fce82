import re

import pytest
from pydantic import ValidationError

from floodmark.config.models import Logs


def test_a_mask_is_a_regular_expression():
    (mask,) = Logs(masks=[{"name": "customer", "pattern": r"(?:Acme|Globex)\b"}]).masks
    assert (mask.name, mask.pattern) == ("customer", r"(?:Acme|Globex)\b")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "is not a regular expression: the ( at character 1 is never closed"),
        ("ab[c", "the [ at character 3 is never closed"),
        ("*.log", "there is nothing before the * at character 1"),
        ("a)(b", "the ) at character 2 closes nothing"),
        ("a(b)", "has a group"),
        ("(?P<n>b)", "has a group"),
        ("x*", "matches an empty text"),
        ("(?i)x", "is not a regular expression"),
        (5, "5 is not a regular expression"),
    ],
)
def test_what_is_wrong_with_a_mask_is_said(pattern, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        Logs(masks=[{"name": "customer", "pattern": pattern}])
