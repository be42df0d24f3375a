"""A botocore as it is where moto is not in the process."""

from __future__ import annotations

import pytest
from botocore import handlers


@pytest.fixture(autouse=True)
def no_hook_of_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto hooks into every client that is made after it was imported, and the fast path falls back for a hook."""
    stock = [
        entry for entry in handlers.BUILTIN_HANDLERS if not type(entry[1]).__module__.startswith("moto.")
    ]
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", stock)
