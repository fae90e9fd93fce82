"""docs/formats.md says of every format how it is tested, and says the truth about the files."""

import re
from pathlib import Path

from floodmark.config.formats import CARRIES

ROOT = Path(__file__).parents[2]


def test_the_table_has_every_format_and_as_many_captured_messages_as_there_are():
    text = (ROOT / "docs" / "formats.md").read_text()
    table = text.partition("## How each format is tested")[2].partition("\n## ")[0]
    rows = {m[1]: int(m[2]) for m in re.finditer(r"^\| `(\w+)` \| [^|]+ \| (\d+) \| [^|]+ \|$", table, re.MULTILINE)}
    samples = ROOT / "tests" / "decode" / "samples"
    assert rows == {each: len(list((samples / each).glob("*.json"))) for each in CARRIES}
