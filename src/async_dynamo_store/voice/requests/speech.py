"""Text in the formats that platforms accept."""

from __future__ import annotations

import html
import re

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def plain(text: str | None) -> str | None:
    """`text` without the characters that XML 1.0 forbids (W3C, 'Extensible Markup Language (XML) 1.0', 2.2).

    These are control characters and lone surrogates, which cannot be spoken. None if nothing is left.
    """
    return (_NOT_XML.sub("", text) or None) if text else None


def xml(text: str) -> str:
    """Plain text as the content of an XML element."""
    return html.escape(text, quote=False)


def ssml(text: str) -> str:
    """Plain text as an SSML document."""
    return f"<speak>{xml(text)}</speak>"
