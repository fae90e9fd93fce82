"""Tensors as bytes: the binary data extension of the Open Inference Protocol, and its gRPC form's raw contents.

Numbers are little endian, text is four bytes of length and so many bytes. Source: the Open Inference Protocol's "binary
tensor data extension" and its inference_rest and inference_grpc.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from floodmark.decode.decoder import EventError

SIZE: Final = "binary_data_size"
_TYPES: Final = {
    "BOOL": "?",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    **{f"INT{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"UINT{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
}


def split(value: bytes) -> tuple[bytes, bytes]:
    """The JSON of a message, and what follows it where its tensors say that they follow; else the message as it is."""
    if SIZE.encode() not in value:
        return value, b""
    try:
        _, end = json.JSONDecoder().raw_decode(value.decode("latin-1"))
    except (ValueError, RecursionError):
        return value, b""
    return value[:end], value[end:]


def give(body: Mapping[str, Any], blob: bytes) -> None:
    """Give each tensor of a body its bytes: of `blob`, in order, or of the raw contents. What does not fit is left."""
    at = 0
    for field, raw in (("inputs", "raw_input_contents"), ("outputs", "raw_output_contents")):
        tensors = body.get(field)
        if not isinstance(tensors, list):
            continue
        camel = raw.split("_")
        raws = body.get(raw) or body.get(camel[0] + "".join(map(str.title, camel[1:])))
        for index, tensor in enumerate(tensors):
            if not isinstance(tensor, dict):
                continue
            parameters = tensor.get("parameters")
            size = parameters.get(SIZE) if isinstance(parameters, dict) else None
            if isinstance(size, int) and blob and 0 <= size <= len(blob) - at:
                tensor["data"] = blob[at : at + size]
                at += size
            elif isinstance(raws, list) and index < len(raws) and isinstance(raws[index], str):
                try:
                    tensor["data"] = base64.b64decode(raws[index], validate=True)
                except ValueError:
                    tensor["data"] = None


def cells(data: bytes, datatype: object) -> list[Any]:
    """The values of a tensor. Raises EventError."""
    kind = str(datatype).upper()
    if kind == "BYTES":
        return _texts(data)
    try:
        if kind == "BF16":
            return list((np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").tolist())
        return list(np.frombuffer(data, _TYPES[kind]).tolist())
    except (KeyError, ValueError):
        raise EventError("wrong_type", f"{len(data)} bytes are no tensor of {kind[:20]}") from None


def _texts(data: bytes) -> list[str]:
    found = []
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if end > len(data):
            raise EventError("wrong_type", "a text of a tensor of BYTES ends after the tensor")
        found.append(data[at + 4 : end].decode(errors="replace"))
        at = end
    return found
