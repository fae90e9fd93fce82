"""Messages as they were captured, each a file in `samples/FORMAT/`: NAME.message as it came, NAME.json what it gives.

The .json has `format` and `signal`, and where they matter `kafka` (Kafka's time, ms), `key`, `headers`, `topic`,
`envelope`, `fields`. `want` is a list of parts of the signals, in order: a key "labels.host" looks into labels, "!x" is
anything but x, "~x" a regular expression that must be found. `refused`: how many refusals there may be (0 unless it is
said). `counted`: a counter or a refusal must tell of it.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from floodmark.config.models import Input, Limits
from floodmark.decode import input_decoder
from floodmark.records import Record

ARRIVAL = 1_769_860_805_000
SAMPLES = sorted((Path(__file__).parent / "samples").glob("*/*.json"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_was_captured_is_read_as_people_mean_it(path: Path):
    case = json.loads(path.read_text())
    topic = case.get("topic", "topic")
    more = {name: case[name] for name in ("envelope", "fields") if name in case}
    source = Input.model_validate({"topic": topic, "signal": case["signal"], "format": case["format"], **more})
    decoder = input_decoder(source, Limits())
    headers = [(name, text.encode()) for name, text in case.get("headers", {}).items()]
    key = case["key"].encode() if "key" in case else None
    value = path.with_suffix(".message").read_bytes()
    found = decoder.decode(Record(topic, 0, 0, case.get("kafka", ARRIVAL), key, value, headers))

    told = [f"{each.error}: {each.message}" for each in found.refused]
    assert len(found.refused) <= case.get("refused", 0), told
    if "want" in case:
        assert len(found.signals) == len(case["want"]), (found.signals, told)
        for signal, wanted in zip(found.signals, case["want"], strict=True):
            for name, want in wanted.items():
                owner, _, key_in = name.partition(".")
                got = getattr(signal, owner)
                assert _fits(got if not key_in else got.get(key_in), want), (name, want, signal)
    if case.get("counted"):
        assert found.refused or any(decoder.counts().values())


def _fits(got: Any, want: Any) -> bool:
    if isinstance(want, str) and want[:1] == "!":
        return str(got) != want[1:]
    if isinstance(want, str) and want[:1] == "~":
        return re.search(want[1:], str(got)) is not None
    if isinstance(want, float) and isinstance(got, float):
        return abs(got - want) < 1e-6
    return bool(got == want)
