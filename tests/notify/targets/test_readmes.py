"""What the READMEs of targets show is a config that loads."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

import floodmark.notify.targets
from floodmark.config.loader import load

FOLDER = Path(floodmark.notify.targets.__file__).parent
READMES = sorted(FOLDER.glob("*/README.md"))


class _Environ(defaultdict[str, str]):
    """Every variable is set; addresses to one."""

    def __missing__(self, name: str) -> str:
        return (
            f"https://example.org/{name.lower()}" if "URL" in name or "WEBHOOK" in name else f"value-of-{name.lower()}"
        )

    def get(self, name: str, default: object = None) -> str:  # type: ignore[override]
        return self[name]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_its_example_loads(readme: Path, tmp_path: Path) -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", readme.read_text(), re.DOTALL | re.MULTILINE)
    assert examples, "it shows how to configure it"
    kinds = set()
    for number, example in enumerate(each for each in examples if "notify:" in each):
        path = tmp_path / f"{number}.yaml"
        path.write_text(example)
        notify = load(path, _Environ()).notify
        assert notify is not None
        kinds |= {target.kind() for target in notify.targets.values()}
    assert readme.parent.name in kinds
