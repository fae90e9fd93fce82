"""What a value costs that is watched for new categories, by how many came before it.

    python benchmarks/novelty.py

`reference` is what `Novelty` takes at once when a reference is full, `after` one value while a category is in question
that comes too often to be told. Microseconds a value; either should be the same in every row.
"""

from __future__ import annotations

import time
from typing import Final

from floodmark.detect.predictions.quality import Novelty

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
EVERY: Final = 5
"""One value in so many is of the category in question."""


def main() -> None:
    print("| values before | reference, µs a value | after, µs a value |\n|---|---|---|")
    for size in SIZES:
        values = ["a", "b"] * (size // 2)
        begun = time.perf_counter()
        Novelty(values)
        reference = time.perf_counter() - begun
        novelty = Novelty(values[:12])
        for number in range(size):
            novelty.update("c" if number % EVERY == 0 else "a")
        begun = time.perf_counter()
        for number in range(10_000):
            novelty.update("c" if number % EVERY == 0 else "a")
        after = time.perf_counter() - begun
        print(f"| {size:,} | {reference / size * 1e6:.2f} | {after / 10_000 * 1e6:.2f} |")


if __name__ == "__main__":
    main()
