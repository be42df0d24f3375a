"""The command `async-dynamo-store` (the extra `cli`)."""

from __future__ import annotations

_EXTRA = ("rich", "typer")


def main() -> None:
    """Run the command; if its extra is missing, say how to install it."""
    try:
        from .commands import commands
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise SystemExit("This command needs an extra: pip install 'async-dynamo-store[cli]'") from error
    commands()
