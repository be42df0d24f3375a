"""What a transfer says at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from async_dynamo_store.cli.mistakes import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_dynamo_store.cli.invocation import Invocation

    from .pages import Totals


def tell_outcome(invocation: Invocation, names: Mapping[str, Any], done: Totals, found: Totals) -> None:
    """Say what was done, and whether the target has it."""
    agrees = (done.in_target, done.checksum) == (found.same, found.checksum)
    sent, stored = f"{done.checksum:064x}", f"{found.checksum:064x}"
    values = done.as_json() | {
        "in_target": found.same,
        "checksum_in_target": stored,
        "agrees": agrees,
        "from": names["from"],
        "to": names["to"],
    }
    lines = [
        (
            f"{done.read} users read, {done.written} written, {done.same} were there already, {done.kept} kept as the target"
            f" had them, {done.unreadable} could not be moved."
        ),
        *_left_out(done),
        *([f"{done.others} other items were passed by."] if done.others else []),
        (
            f"Read again: {found.same} users, checksum {stored[:16]}:"
            f" {'as it was sent' if agrees else 'NOT as it was sent, ' + sent[:16]}."
        ),
    ]
    invocation.answer(values, "\n".join(lines))
    if not agrees or done.unreadable:
        raise typer.Exit(Exit.NOT_SO)


def tell_rehearsal(
    invocation: Invocation, names: Mapping[str, Any], found: Totals, *, overwrites: bool
) -> None:
    """Say what would be done."""
    values = found.as_json() | {"from": names["from"], "to": names["to"], "dry_run": True}
    otherwise = "would be written over" if overwrites else "would be kept as the target has them"
    lines = [
        (
            f"{found.read} users read. {found.missing} would be written, {found.same} are there already, {found.kept} {otherwise},"
            f" {found.unreadable} could not be moved. Nothing was written."
        ),
        *_left_out(found),
    ]
    invocation.answer(values, "\n".join(lines))
    if found.unreadable:
        raise typer.Exit(Exit.NOT_SO)


def _left_out(totals: Totals) -> list[str]:
    return [
        f"Left out, having no place in the target's layout: {name} (of {count} users)."
        for name, count in sorted(totals.left_out.items())
    ]
