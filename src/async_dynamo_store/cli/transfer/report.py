"""The report at the end of a transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from async_dynamo_store.cli.mistakes import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_dynamo_store.cli.invocation import Invocation

    from .pages import Totals


def tell_outcome(invocation: Invocation, names: Mapping[str, Any], done: Totals, found: Totals) -> None:
    """Report what was done, and whether the target agrees with it."""
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
            f"{done.read} users read: {done.written} written, {done.same} already in the target, {done.kept} differ and were"
            f" kept, {done.unreadable} could not be transferred."
        ),
        *_left_out(done),
        *([f"{done.others} other items were skipped."] if done.others else []),
        (
            f"Verified: {found.same} users in the target, checksum {stored[:16]}:"
            f" {'the same as sent' if agrees else 'NOT the same as sent, ' + sent[:16]}."
        ),
    ]
    invocation.answer(values, "\n".join(lines))
    if not agrees or done.unreadable:
        raise typer.Exit(Exit.NOT_SO)


def tell_rehearsal(
    invocation: Invocation, names: Mapping[str, Any], found: Totals, *, overwrites: bool
) -> None:
    """Report what would be done."""
    values = found.as_json() | {"from": names["from"], "to": names["to"], "dry_run": True}
    otherwise = "would be overwritten" if overwrites else "would be kept"
    lines = [
        (
            f"{found.read} users read: {found.missing} would be written, {found.same} already in the target, {found.kept} differ"
            f" and {otherwise}, {found.unreadable} could not be transferred. Nothing was written."
        ),
        *_left_out(found),
    ]
    invocation.answer(values, "\n".join(lines))
    if found.unreadable:
        raise typer.Exit(Exit.NOT_SO)


def _left_out(totals: Totals) -> list[str]:
    return [
        f"Left out, because the target's layout does not store it: {name} ({count} users)."
        for name, count in sorted(totals.left_out.items())
    ]
