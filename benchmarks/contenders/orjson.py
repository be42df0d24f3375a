"""orjson: the wire form to JSON and back, which any codec comes on top of."""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks.contenders import Codec


def codec(_: dict[str, Any], wire: dict[str, Any]) -> Codec:
    """The bytes of the request written, the bytes of the answer read."""
    text = orjson.dumps(wire)
    return Codec(encode=lambda: orjson.dumps(wire), decode=lambda: orjson.loads(text))
