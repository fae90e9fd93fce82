"""Addresses that are none, or almost: of brokers, of the store of snapshots, of the endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from floodmark.config.locate import Located, items, quoted, text
from floodmark.config.problems import Path, Problem

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?!//[^/])")
_STORES: Final = ("s3", "gs", "az", "file", "http", "https", "s3a", "gcs", "azure", "abfs", "abfss", "adl", "memory")
_MEANT_STORES: Final = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "azure": "az", "wasb": "az", "wasbs": "az", "blob": "az"}
_OTHER_PORTS: Final = {
    "2181": "ZooKeeper's", "8081": "a schema registry's", "8082": "the REST proxy's", "8083": "Kafka Connect's",
    "9000": "a console's", "9021": "the Control Center's",
}  # fmt: skip
_PLACEHOLDER: Final = re.compile(r"\{\{.*\}\}|<%.*%>|\$")


def errors(tree: Located) -> list[Problem]:
    return [*_brokers(tree), *_store(tree), *_endpoint(tree), *_host(tree)]


def warnings(tree: Located) -> list[Problem]:
    return [*_odd_brokers(tree), *_odd_store(tree)]


def _brokers(tree: Located) -> Iterator[Problem]:
    for index, here in enumerate(items(tree.at(("kafka", "brokers")))):
        address, path = text(here), ("kafka", "brokers", index)
        if address is None or _PLACEHOLDER.search(address):
            continue
        scheme, found, rest = address.partition("://")
        bare = (rest if found else address).split("/")[0].split(",")[0].strip()
        if found:
            words = f"{quoted(here)} is no address of a broker, which has no {scheme if here.written is None else 'scheme'}://"
            several = [part.rpartition("://")[2].split("/")[0].strip() for part in address.split(",")]
            many = len(several) > 1 and here.written is None
            yield here.place.problem(path, words, f"write [{', '.join(several)}]" if many else _form(here, bare))
        elif "," in address or ";" in address or (" " in address.strip()):
            parts = ", ".join(part for part in re.split(r"[,;\s]+", address) if part)
            hint = f"write [{parts}]" if here.written is None else "write each as an item of its own"
            yield here.place.problem(path, f"{quoted(here)} is several brokers in one item", hint)
        elif address != address.strip():
            yield here.place.problem(path, f"{quoted(here)} has blanks around it", _form(here, bare))
        elif not address.strip() or "/" in address or "@" in address:
            yield here.place.problem(path, f"{quoted(here)} is no address of a broker", _form(here, bare))
        elif address.count(":") > 1 and not re.fullmatch(r"[0-9A-Fa-f:.%]+|\[.*\](?::\d+)?", address):
            yield here.place.problem(path, f"{quoted(here)} has more than one colon", "write host:9092")
        elif not address.startswith("[") and address.count(":") > 1:
            hint = f'put the address in brackets: "[{address}]:9092"' if here.written is None else "put it in brackets"
            yield here.place.problem(path, f"{quoted(here)} is an address of IPv6 without brackets", hint)
        elif ":" in address and not address.startswith("[") and not _port(address.rpartition(":")[2]):
            yield here.place.problem(path, f"{quoted(here)} has no port after its colon", "write host:9092")


def _form(here: Located, bare: str) -> str:
    if here.written is not None or not re.fullmatch(r"[\w.-]+(:\d+)?", bare):
        return "write host:9092"
    return f"write {bare if ':' in bare else f'{bare}:9092'}"


def _port(word: str) -> bool:
    return word.isascii() and word.isdigit() and 0 < int(word) < 65536


def _odd_brokers(tree: Located) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, here in enumerate(items(tree.at(("kafka", "brokers")))):
        address, path = text(here), ("kafka", "brokers", index)
        if address is None or not re.fullmatch(r"[\w.-]+(?::\d+)?", address):
            continue
        host, _, port = address.partition(":")
        if not port:
            yield here.place.problem(path, f"{quoted(here)} names no port, so 9092 is taken", "write host:9092")
        elif port in _OTHER_PORTS:
            hint = "a broker usually listens on 9092"
            yield here.place.problem(path, f"port {port} is usually {_OTHER_PORTS[port]}, not a broker's", hint)
        if (whole := f"{host}:{port or 9092}") in seen:
            yield here.place.problem(
                path, f"is the same broker as kafka.brokers[{seen[whole]}]", "remove one of the two"
            )
        seen.setdefault(whole, index)


def _store(tree: Located) -> Iterator[Problem]:
    """Almost a URL: it would make a folder of that name."""
    path: Path = ("state", "store")
    here = tree.at(path)
    where = text(here)
    if here is None or where is None:
        return
    if re.match(r"\w+:/*[^/\s]+:[^/\s]+@", where):
        hint = "set access_key_id and secret_access_key in state.options"
        yield here.place.problem(path, "credentials in the address would be shown in messages", hint)
        return
    slip = _SCHEME.match(where)
    scheme = slip[1].lower() if slip else where.partition("://")[0].lower() if "://" in where else ""
    meant = _MEANT_STORES.get(scheme, scheme)
    rest = where[len(slip[0]) :].lstrip("/") if slip else where.partition("://")[2]
    right = f"{meant}://{rest or 'bucket/prefix'}" if here.written is None else f"{meant}://bucket/prefix"
    if slip and (meant in _STORES or where[len(slip[0]) :].startswith("/")) and scheme != "file":
        hint = f"write {right}" if meant in _STORES else "write s3://bucket/prefix, gs://…, az://… or a folder"
        yield here.place.problem(path, f"{quoted(here)} is no URL: after {slip[1]}: come two slashes and a name", hint)
    elif re.match(r"(?i)(?:s3|gs|gcs|az)//", where):
        yield here.place.problem(
            path, f"{quoted(here)} is no URL: it lacks the colon", f"write {where[:2].lower()}://…"
        )
    elif "://" in where and meant not in _STORES:
        hint = "write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or a folder"
        yield here.place.problem(path, f"{scheme}:// is no store that can be used", hint)
    elif "://" in where and scheme in _MEANT_STORES:
        yield here.place.problem(path, f"{scheme}:// is called {meant}:// here", f"write {right}")


def _endpoint(tree: Located) -> Iterator[Problem]:
    options = tree.at(("state", "options"))
    for name, below in options.value.items() if options is not None and isinstance(options.value, dict) else ():
        word = text(below)
        if "endpoint" in name.lower() and word and "://" not in word and below.written is None:
            hint = "write http://host:port or https://…"
            yield below.place.problem(("state", "options", name), "is no address of the web", hint)


def _odd_store(tree: Located) -> Iterator[Problem]:
    path: Path = ("state", "store")
    here = tree.at(path)
    where = text(here)
    if here is None or where is None or here.written is not None:
        return
    if where.startswith("~"):
        yield here.place.problem(path, f"{quoted(here)} is a folder named ~ where it is started", "write ${HOME}/…")
    elif re.fullmatch(r"[A-Za-z]:[\\/].*", where):
        yield here.place.problem(path, f"{quoted(here)} is a path of Windows", "write a folder of this machine")
    elif where.lower() in _STORES:
        yield here.place.problem(
            path, f"{quoted(here)} is a folder of that name", f"write {where.lower()}://bucket/prefix"
        )
    elif re.match(r"(?:[\w.-]+\.)?s3[\w.-]*\.amazonaws\.com", where):
        yield here.place.problem(path, f"{quoted(here)} would be a folder", "write s3://bucket/prefix")


def _host(tree: Located) -> Iterator[Problem]:
    here = tree.at(("http", "host"))
    address = text(here)
    if here is None or address is None:
        return
    if "://" in address or re.fullmatch(r"[^:\[\]]*:\d+|\[.*\]:\d+", address):
        words = f"{quoted(here)} is more than an address: the port stands in http.port"
        yield here.place.problem(("http", "host"), words, "write host: 0.0.0.0 and port: 9464")
