"""A botocore as it is where moto is not in the process."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_hook_of_moto(no_hook_of_moto: None) -> None:
    """For every test here."""
