"""CPU and wall time of a turn of a `VoiceApp`, for requests of Jovo's clients and of Alexa."""

from __future__ import annotations

from benchmarks.question import Options, Result
from benchmarks.registry import APPS, OURS
from benchmarks.turns import on_canned_server


def run(options: Options) -> Result:
    """Measure the store's own turn, and those of the apps."""
    return on_canned_server("voice_app", APPS, OURS, options)
