"""The plugin's fixtures, taken by name: the plugin itself is off in this suite, see pyproject.toml."""

from __future__ import annotations

from async_dynamo_store.testing.plugin import frozen, voice_db, voice_engine

__all__ = ["frozen", "voice_db", "voice_engine"]
