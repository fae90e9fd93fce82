"""Every decoder against messages that are wrong: none may raise, take for ever, or keep memory.

    python benchmarks/fuzz.py [FORMAT ...] [--inputs 100000] [--seed 1]

The inputs of a format are its sample with something changed: bytes flipped, cut, doubled or exchanged for others;
values of JSON replaced; pieces of other formats put in; one piece many times over. Each seed gives the same inputs. Of
each format: the share that was refused; microseconds of CPU a KB over all inputs, and of the slowest in a hundred of
those of a KB or more; the slowest of all, in milliseconds; by how many MB the process has grown. Ends with 1 if a
decoder raised.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import resource
import time
import traceback
from typing import Any, Final

import decode
import decode_logs
from floodmark.config.formats import CARRIES, FormatName
from floodmark.config.models import Limits
from floodmark.decode import decoder, native_schemas
from floodmark.records import Record
from floodmark.signals import SignalName

LARGEST: Final = 40_000
"""Bytes of an input."""
PIECES: Final = (
    b"",
    b"null",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"\x00",
    b"\xff\xfe",
    b"\xf0\x9f\x98\x80",
    b"1e999",
    b"-1e999",
    b"NaN",
    b"Infinity",
    b"-0",
    b"9" * 400,
    b"0x10",
    b"true",
    b",",
    b":",
    b"=",
    b" ",
    b"\n",
    b"\r\n",
    b"\\",
    b"<34>",
    b"2026-01-31T12:00:00Z",
    b"0000-00-00",
    b"+99:99",
    b"[" * 600,
    b'{"a":' * 600,
    b"a" * 3_000,
)
NATIVE: Final[FormatName] = "native"
SIGNALS: Final[dict[str, SignalName]] = {signal: signal for signal in CARRIES[NATIVE]}
VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    1e308,
    "",
    "x" * 500,
    "NaN",
    "1769860800",
    [],
    {},
    [[]],
    {"": {}},
    [None] * 50,
    "\ud800",
)


def samples() -> dict[tuple[FormatName, SignalName], list[bytes]]:
    """A few messages of each format and signal; the shortest that there are."""
    found: dict[tuple[FormatName, SignalName], list[bytes]] = {}
    decode.BATCH = 100
    for make in decode.SAMPLES.values():
        sample = make()
        found[sample.format, sample.signal] = sorted(sample.messages, key=len)[:3]
    for format, signal, message, _ in decode_logs.samples():
        found.setdefault((format, signal), []).append(message)
    for name, schema in native_schemas().items():
        found.setdefault((NATIVE, SIGNALS[name]), []).append(json.dumps(schema["examples"][0]).encode())
    for format, signals in CARRIES.items():
        for signal in signals if format != "json" else ():  # which is nothing without its fields
            alike = [m for (other, of), some in found.items() for m in some if other == format or of == signal]
            found.setdefault((format, signal), alike)
    return found


def replaced(document: Any, draw: random.Random) -> Any:
    """A value somewhere in a document exchanged for another."""
    if draw.random() < 0.25 or not isinstance(document, dict | list) or not document:
        return draw.choice(VALUES)
    if isinstance(document, list):
        at = draw.randrange(len(document))
        return [*document[:at], replaced(document[at], draw), *document[at + 1 :]]
    name = draw.choice(list(document))
    return {
        **document,
        (draw.choice(("", "x", "time")) if draw.random() < 0.1 else name): replaced(document[name], draw),
    }


def mutated(value: bytes, others: list[bytes], draw: random.Random) -> bytes:
    if value[:1] in b"{[" and draw.random() < 0.4:
        try:
            document = json.loads(value)
        except ValueError:
            document = {}
        for _ in range(draw.randint(1, 3)):
            document = replaced(document, draw)
        return json.dumps(document, separators=(",", ":")).encode()[:LARGEST]
    for _ in range(draw.randint(1, 4)):
        at = draw.randint(0, len(value))
        end = min(len(value), at + int(draw.expovariate(0.05)))
        match draw.randrange(6):
            case 0:
                piece = draw.randbytes(draw.randint(1, 8))
            case 1:
                piece = draw.choice(PIECES)
            case 2:
                other = draw.choice(others)
                start = draw.randint(0, len(other))
                piece = other[start : start + draw.randint(0, 200)]
            case 3:
                piece = value[at:end] * draw.choice((2, 2, 3, 100))
            case 4:
                piece = bytes(byte ^ (1 << draw.randrange(8)) for byte in value[at:end])
            case _:
                piece = b""
        value = value[:at] + piece + value[end:]
    return value[:LARGEST]


def fuzzed(
    format: FormatName, signal: SignalName, seeds: list[bytes], others: list[bytes], inputs: int, seed: int
) -> bool:
    """Print the row of a format; whether nothing was raised."""
    draw = random.Random(f"{seed} {format} {signal}")
    tried = decoder(signal, format, Limits(series=1_000))
    refused, size, spent, slowest = 0, 0, 0, (0, 0)
    costs: list[float] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(inputs):
        value = mutated(draw.choice(seeds), others, draw)
        record = Record("in", 0, i, draw.choice((-1, decode.NOW * 1000)), draw.choice((None, b"k")), value)
        began = time.thread_time_ns()
        try:
            found = tried.decode(record)
        except Exception:  # noqa: BLE001 - that there is none is what is tried
            traceback.print_exc()
            print(f"{format} {signal}: {base64.b64encode(value).decode()}")
            return False
        took = time.thread_time_ns() - began
        refused += bool(found.refused)
        size += len(value)
        spent += took
        slowest = max(slowest, (took, len(value)))
        if len(value) >= 1024:
            costs.append(took / len(value) * 1.024)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    tail = f"{sorted(costs)[len(costs) * 99 // 100]:.0f}" if costs else "-"
    print(
        f"| `{format}` {signal} | {refused / inputs:.0%} | {spent / size * 1.024:.1f} | {tail} "
        f"| {slowest[0] / 1e6:.1f} of {slowest[1] / 1024:.1f} KB | {grown:.0f} |",
        flush=True,
    )
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", metavar="FORMAT")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    seeds = samples()
    others = [message[:5_000] for messages in seeds.values() for message in messages]
    print(f"{chosen.inputs:,} inputs a format\n")
    print("| format | refused | µs a KB | one in a hundred | slowest, ms | MB grown |\n|---|---:|---:|---:|---:|---:|")
    fine = [
        fuzzed(format, signal, [message[:LARGEST] for message in messages], others, chosen.inputs, chosen.seed)
        for (format, signal), messages in sorted(seeds.items())
        if not chosen.formats or format in chosen.formats
    ]
    raise SystemExit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
