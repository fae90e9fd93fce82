"""Grouping accuracy of the template miner on made-up logs of unlike systems, whose templates are known.

    python benchmarks/foreign_templates.py [--half seen|sealed] [--seed 7] [--lines 2000] [--wrong SYSTEM]

benchmarks/foreign/HALF/SYSTEM.txt has what a system says, a sentence a line, as its software would write it; the first
line is its header. `<<...>>` is what varies: a kind of value (`<<ip>>`), one of several texts (`<<=a|b>>`), a text that
is there or not (`<<?text>>`), a list (`<<+1-5/, /text>>`), or, in the header, what a sentence always has (`<<!a|b>>`:
its level, its component). Texts may hold more of these. Sentences come as often as 1/rank, in the order of the file.
They were written before the miner had seen any. The miner's rules were made while looking at the half `seen`; of the
half `sealed` only scores were ever shown.

As in templates.py, GA is the share of lines whose group is exactly the true one; "online" takes the id that each line
was given when it came, "final" each line's template at the end. `--wrong` shows which sentences of a system were split
or mixed, online and raw.
"""

from __future__ import annotations

import argparse
import base64
import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from templates import System, accuracy, mined, new_miner

FOLDER = Path(__file__).parent / "foreign"
HALVES = ("seen", "sealed")
_SLOT = re.compile(r"<<(?!<)|>>")

_USERS_TEXT = (
    "root admin alice bob deploy oracle j.smith svc_backup guest mallory postgres www-data nagios chen O'Brien maria "
    "kowalski _spotlight app_rw test ubuntu lp ftp jenkins SYSTEM Administrator"
)
_USERS = _USERS_TEXT.split()
_NOUNS_TEXT = (
    "orders billing checkout inventory sessions carts shipping users audit metrics events payments catalog search mail "
    "images reports ledger quotes tenants invoices refunds coupons reviews wishlist profile geo pricing stock tax"
)
_NOUNS = _NOUNS_TEXT.split()
_HOSTS_TEXT = "web db cache edge core node app mx gw build san lab"
_HOSTS = _HOSTS_TEXT.split()
_TOPS_TEXT = "example.com corp.example.net internal lan prod.example.org eu-west.example.io"
_TOPS = _TOPS_TEXT.split()
_WORDS_TEXT = (
    "late customer asked for refund twice parcel green box moved to shelf again please call back on monday morning "
    "about the broken lid and new keys"
)
_WORDS = _WORDS_TEXT.split()
_PACKAGES_TEXT = "com.acme.shop org.frob.net io.vantage.core com.acme.billing.api net.zorg"
_PACKAGES = _PACKAGES_TEXT.split()
_CLASSES_TEXT = (
    "OrderService PaymentGateway SessionCache RetryPolicy HttpClient LedgerWriter TaskRunner PriceFeed UserStore "
    "EventBus MailSender StockView"
)
_CLASSES = _CLASSES_TEXT.split()
_FILES_TEXT = "main.cfg orders.dat notes.txt index.html backup.tar.gz lib.so report-final.pdf Makefile README data.db"
_FILES = _FILES_TEXT.split()


def _digits(random: Random, least: int, most: int) -> str:
    return str(random.randrange(10 ** (least - 1), 10 ** random.randint(least, most)))


def _hex(random: Random, length: int) -> str:
    return f"{random.getrandbits(4 * length):0{length}x}"


def _interface(random: Random) -> str:
    a, b, c = random.randrange(3), random.randrange(4), random.randrange(48)
    return random.choice(
        (f"eth{a}", f"Gi{a}/{c}", f"GigabitEthernet{a}/{b}/{c}", f"Te{a}/{b}/{c}", f"Vlan{c}", f"ge-{a}/{b}/{c}.{a}",
         f"bond{a}.{c}", f"Po{c}", f"xe-{a}/{b}/{c}", f"docker{a}", f"veth{_hex(random, 7)}", f"Serial{a}/{b}:{c}",
         "lo", f"ens{c}f{a}", "mgmt", f"Loopback{a}", f"ae{a}.{c}", "Null0", "br-lan", f"wlan{a}")
    )  # fmt: skip


def _host(random: Random) -> str:
    name = f"{random.choice(_HOSTS)}{random.choice(('', '-', ''))}{random.randrange(1, 40)}"
    return random.choice((name, f"{name}.{random.choice(_TOPS)}", f"{random.choice(_HOSTS)}.{random.choice(_TOPS)}"))


def _ip(random: Random) -> str:
    return ".".join(str(random.randrange(1, 255)) for _ in range(4))


def _ip6(random: Random) -> str:
    local = f"fe80::{_hex(random, 4)}:{_hex(random, 3)}"
    short = f"2001:db8:{_hex(random, 2)}::{_hex(random, 1)}"
    return random.choice((local, short, "::1", ":".join(_hex(random, random.randint(1, 4)) for _ in range(8))))


def _path(random: Random) -> str:
    return "/" + "/".join(random.choice(_NOUNS) for _ in range(random.randint(1, 4))) + "/" + random.choice(_FILES)


def _windows_path(random: Random) -> str:
    parts = [
        random.choice(("Program Files", "Windows", "Temp", "Data", "inetpub")) for _ in range(random.randint(1, 3))
    ]
    return "C:\\" + "\\".join([*parts, random.choice(_FILES)])


def _url(random: Random) -> str:
    query = random.choice(("", "", f"?id={random.randrange(999)}", "?q=a&b=c"))
    port = random.choice(("", ":8443"))
    return f"{random.choice(('http', 'https'))}://{random.choice((_host, _ip))(random)}{port}{_path(random)}{query}"


def _class(random: Random) -> str:
    return f"{random.choice(_PACKAGES)}.{random.choice(_CLASSES)}{random.choice(('', '', '$Inner', 'Impl'))}"


def _words(random: Random) -> str:
    return " ".join(random.choice(_WORDS) for _ in range(random.randint(1, 6)))


def _number(random: Random) -> str:
    return random.choice((_digits(random, 1, 6), str(random.randrange(10)), f"{random.randrange(1000, 999999):,}"))


def _slash_address(random: Random) -> str:
    bare = f"/{_ip(random)}:{random.randrange(65536)}"
    both = f"{_host(random)}/{_ip(random)}:{random.randrange(65536)}"
    return random.choice((bare, both, f"{_host(random)}:{random.randrange(65536)}"))


def _version(random: Random) -> str:
    first = f"{random.choice(('', 'v'))}{random.randrange(12)}.{random.randrange(30)}"
    return first + random.choice(("", ".1", ".0-rc1", "-beta.2"))


def _duration(random: Random) -> str:
    number = random.choice((str(random.randrange(900)), f"{random.uniform(0, 90):.3f}"))
    return number + random.choice(("ms", "s", "us", "m", " ms"))


def _size(random: Random) -> str:
    number = random.choice((str(random.randrange(1, 1023)), f"{random.uniform(0, 99):.1f}"))
    return number + random.choice(("", " ")) + random.choice(("B", "KB", "MB", "GB", "GiB"))


def _date(random: Random) -> str:
    return f"20{random.randrange(10, 26)}-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}"


def _moment(random: Random) -> str:
    return f"{_date(random)}T{random.randrange(24):02}:00:0{random.randrange(10)}Z"


def _long_date(random: Random) -> str:
    day = f"{random.choice(('Mon', 'Tue', 'Fri'))} {random.choice(('Jan', 'May', 'Nov'))} {random.randrange(1, 29)}"
    return f"{day} {random.randrange(24):02}:11:0{random.randrange(10)} 2019"


KINDS: dict[str, Callable[[Random], str]] = {
    "int": lambda r: _digits(r, 1, 7),
    "small": lambda r: str(r.randrange(12)),
    "num": _number,
    "signed": lambda r: str(r.randrange(-50, 50)),
    "float": lambda r: f"{r.uniform(0, 200):.{r.randint(1, 5)}f}",
    "pct": lambda r: r.choice((f"{r.randrange(101)}%", f"{r.uniform(0, 100):.1f}%")),
    "user": lambda r: r.choice(_USERS),
    "noun": lambda r: r.choice(_NOUNS),
    "words": _words,
    "host": _host,
    "ip": _ip,
    "ip6": _ip6,
    "anyip": lambda r: r.choice((_ip, _ip, _ip6))(r),
    "addr": lambda r: f"{r.choice((_ip, _host))(r)}:{r.randrange(1, 65536)}",
    "slashaddr": _slash_address,
    "port": lambda r: str(r.randrange(1, 65536)),
    "mac": lambda r: ":".join(_hex(r, 2) for _ in range(6)),
    "ciscomac": lambda r: ".".join(_hex(r, 4) for _ in range(3)),
    "if": _interface,
    "path": _path,
    "wpath": _windows_path,
    "file": lambda r: r.choice(_FILES),
    "url": _url,
    "email": lambda r: f"{r.choice(_USERS)}@{r.choice(_HOSTS)}.{r.choice(_TOPS)}",
    "class": _class,
    "camel": lambda r: r.choice(_CLASSES),
    "hex": lambda r: "0x" + _hex(r, r.choice((1, 2, 4, 8, 16))),
    "id": lambda r: _hex(r, r.choice((7, 8, 12, 16, 24))),
    "ID": lambda r: _hex(r, 10).upper(),
    "uuid": lambda r: f"{_hex(r, 8)}-{_hex(r, 4)}-{_hex(r, 4)}-{_hex(r, 4)}-{_hex(r, 12)}",
    "b64": lambda r: base64.b64encode(r.randbytes(r.randint(6, 24))).decode(),
    "ver": _version,
    "dur": _duration,
    "godur": lambda r: r.choice((f"{r.randrange(1, 9)}m{r.uniform(0, 60):.2f}s", f"{r.uniform(0, 999):.3f}ms", "0s")),
    "size": _size,
    "clock": lambda r: f"{r.randrange(24):02}:{r.randrange(60):02}:{r.randrange(60):02}",
    "lifetime": lambda r: r.choice(("<1 sec", "00:02", "01:13", "1:02:44", "00:00")),
    "date": _date,
    "when": _moment,
    "longdate": _long_date,
    "bool": lambda r: r.choice(("true", "false")),
    "Bool": lambda r: r.choice(("True", "False")),
    "yes": lambda r: r.choice(("yes", "no")),
    "none": lambda r: r.choice(("null", "none", "-", "N/A", "nil")),
    "table": lambda r: f"{r.choice(('public', 'app', 'shop'))}.{r.choice(_NOUNS)}",
    "count": lambda r: r.choice(("one", "two", "three", "1", "12", "7")),
}

_STAMPS: dict[str, Callable[[datetime], str]] = {
    "iso": lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
    "log4j": lambda t: t.strftime("%Y-%m-%d %H:%M:%S,%f")[:-3],
    "sql": lambda t: t.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
    "plain": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "syslog": lambda t: t.strftime("%b %e %H:%M:%S"),
    "cisco": lambda t: t.strftime("%b %e %H:%M:%S.%f")[:-3],
    "logcat": lambda t: t.strftime("%m-%d %H:%M:%S.%f")[:-3],
    "klog": lambda t: t.strftime("%m%d %H:%M:%S.%f"),
    "short": lambda t: t.strftime("%y/%m/%d %H:%M:%S"),
    "dotted": lambda t: t.strftime("%m.%d %H:%M:%S"),
    "epoch": lambda t: str(int(t.timestamp())),
    "us": lambda t: t.strftime("%m/%d/%Y %H:%M:%S"),
    "weekday": lambda t: t.strftime("%a %b %e %H:%M:%S"),
    "clocktime": lambda t: t.strftime("%H:%M:%S"),
    "julian": lambda t: t.strftime("%Y%j %H%M%S"),
    "nginx": lambda t: t.strftime("%Y/%m/%d %H:%M:%S"),
}

Part = str | tuple[str, list["Part"]]


def parsed(text: str) -> list[Part]:
    """A sentence as its parts: words, and what varies with what it holds."""
    stack: list[list[Part]] = [[]]
    at = 0
    for found in _SLOT.finditer(text):
        stack[-1].append(text[at : found.start()])
        at = found.end()
        if found[0] == "<<":
            stack.append([])
        else:
            inner = stack.pop()
            stack[-1].append(("slot", inner))
    stack[-1].append(text[at:])
    if len(stack) != 1:
        raise SystemExit(f"<< without >> in: {text}")
    return stack[0]


def said(parts: Sequence[Part], random: Random, now: datetime, sentence: int = 0) -> str:
    return "".join([part if isinstance(part, str) else _filled(part[1], random, now, sentence) for part in parts])


def _filled(inner: list[Part], random: Random, now: datetime, sentence: int = 0) -> str:
    head = inner[0] if isinstance(inner[0], str) else ""
    rest = [head[1:], *inner[1:]]
    if head[:1] == "?":
        return said(rest, random, now, sentence) if random.random() < 0.5 else ""
    if head[:1] == "=":
        return said(random.choice(_alternatives(rest)), random, now, sentence)
    if head[:1] == "!":
        return said(_alternatives(rest)[sentence % len(_alternatives(rest))], random, now, sentence)
    if head[:1] == "+":
        counts, separator, first = head[1:].split("/", 2)
        least, most = map(int, counts.split("-"))
        return separator.join(
            [said([first, *inner[1:]], random, now, sentence) for _ in range(random.randint(least, most))]
        )
    if head in _STAMPS:
        return _STAMPS[head](now)
    return KINDS[head](random)


def _alternatives(parts: Sequence[Part]) -> list[list[Part]]:
    found: list[list[Part]] = [[]]
    for part in parts:
        if isinstance(part, str):
            first, *more = part.split("|")
            found[-1].append(first)
            found += [[text] for text in more]
        else:
            found[-1].append(part)
    return found


def system(path: Path, seed: int, lines: int) -> System:
    """What a system says: so many lines, each with the number of its sentence."""
    header, *sentences = [s for s in path.read_text(encoding="utf-8").splitlines() if s and not s.startswith("##")]
    random = Random(f"{seed} {path.stem}")
    before, bodies = parsed(header), [parsed(sentence) for sentence in sentences]
    now = datetime(2026, 3, 9, 6, 30, tzinfo=UTC)
    truth, message, raw = [], [], []
    for i in random.choices(range(len(bodies)), [1 / (rank + 1) for rank in range(len(bodies))], k=lines):
        now += timedelta(milliseconds=random.expovariate(1 / 700))
        truth.append(str(i))
        message.append(said(bodies[i], random, now))
        raw.append(said(before, random, now, i) + message[-1])
    return System(path.stem, truth, message, raw)


def systems(half: str, seed: int, lines: int) -> Iterator[System]:
    for path in sorted((FOLDER / half).glob("*.txt")):
        yield system(path, seed, lines)


def wrong(found: System, column: str) -> None:
    """Which sentences are split, and which templates mix several."""
    miner = new_miner()
    ids: list[str] = []
    texts: dict[str, str] = {}
    for line in getattr(found, column):
        template = miner.match(line).template
        ids.append(template.id)
        texts[template.id] = template.text
    of_truth: defaultdict[str, Counter[str]] = defaultdict(Counter)
    of_id: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for i, truth in zip(ids, found.truth, strict=True):
        of_truth[truth][i] += 1
        of_id[i][truth] += 1
    for truth, counter in sorted(of_truth.items(), key=lambda item: -item[1].total()):
        mixed = {other for i in counter for other in of_id[i]} - {truth}
        if len(counter) > 1 or mixed:
            example = getattr(found, column)[found.truth.index(truth)]
            print(f"\n{truth} ({counter.total()} lines) {len(counter)} templates; with {sorted(mixed)}: {example}")
            for i, n in counter.most_common(12):
                print(f"    {n:5} {texts[i]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, action="append")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lines", type=int, default=2_000)
    parser.add_argument("--wrong", action="append", metavar="SYSTEM")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the logs as templates.py reads them")
    args = parser.parse_args()
    names = ["message final", "message online", "raw final", "raw online"]
    for half in args.half or HALVES:
        rows = []
        print(f"{half:12}", *(f"{name:>14}" for name in names))
        for found in systems(half, args.seed, args.lines):
            if args.wrong and found.name not in args.wrong:
                continue
            each = [accuracy(ids, found.truth) for column in (found.message, found.raw) for ids in mined(column)]
            rows.append(each)
            print(f"{found.name:12}", *(f"{value:14.3f}" for value in each))
            if args.wrong:
                wrong(found, "raw")
            if args.write:
                folder = args.write / found.name
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{found.name}_2k.log").write_text("\n".join(found.raw) + "\n", encoding="utf-8")
                with (folder / f"{found.name}_2k.log_structured.csv").open("w", newline="", encoding="utf-8") as file:
                    csv.writer(file).writerows([("Content", "EventId"), *zip(found.message, found.truth, strict=True)])
        if rows:
            print(f"{'mean':12}", *(f"{sum(column) / len(rows):14.3f}" for column in zip(*rows, strict=True)))


if __name__ == "__main__":
    main()
