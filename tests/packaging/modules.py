"""Import every public name and module of the installed package; print, as JSON, each module with the package that it misses."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys

import async_dynamo_store

if not async_dynamo_store.__file__.startswith(sys.prefix):
    raise SystemExit(f"{async_dynamo_store.__file__} is not in {sys.prefix}")
for name in async_dynamo_store.__all__:
    getattr(async_dynamo_store, name)
missing: dict[str, str | None] = {}
for module in pkgutil.walk_packages(async_dynamo_store.__path__, async_dynamo_store.__name__ + "."):
    missing[module.name] = None
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        missing[module.name] = error.name or str(error)
json.dump(missing, sys.stdout)
