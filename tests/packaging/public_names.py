"""Import every public name and module of the installed package; print what was imported."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import async_dynamo_store

if not async_dynamo_store.__file__.startswith(sys.prefix):
    raise SystemExit(f"{async_dynamo_store.__file__} is not in {sys.prefix}")
for name in async_dynamo_store.__all__:
    getattr(async_dynamo_store, name)
modules = [
    module.name
    for module in pkgutil.walk_packages(async_dynamo_store.__path__, async_dynamo_store.__name__ + ".")
]
# Their frameworks are large: `make agents` imports these.
of_agents = {f"async_dynamo_store.integrations.{name}" for name in ("livekit", "openai_agents", "pipecat")}
for module in modules:
    if module not in of_agents:
        importlib.import_module(module)
sys.stdout.write("\n".join([*async_dynamo_store.__all__, *modules]))
