"""Tools for testing a voice app: a client per platform, a database, fault injection (the extra `testing`).

A pytest plugin, which pytest finds by itself, has the fixtures `voice_db` and `frozen`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = [
    "ActionsBuilder",
    "Alexa",
    "Answer",
    "DialogflowCx",
    "DialogflowEs",
    "Faults",
    "JovoCore",
    "JovoWeb",
    "LexV1",
    "LexV2",
    "Messenger",
    "PlatformClient",
    "Retell",
    "TwilioVoice",
    "Vapi",
    "VoiceDb",
    "voice_database",
]

if TYPE_CHECKING:
    from .alexa import Alexa
    from .calls import Messenger, Retell, TwilioVoice, Vapi
    from .client import Answer, PlatformClient
    from .database import Faults, VoiceDb, voice_database
    from .google import ActionsBuilder, DialogflowCx, DialogflowEs
    from .jovo import JovoCore, JovoWeb
    from .lex import LexV1, LexV2
else:
    # pytest imports this package in every run, because of the plugin. The rest is loaded when it is used.
    _MODULES = {
        "alexa": ("Alexa",),
        "calls": ("Messenger", "Retell", "TwilioVoice", "Vapi"),
        "client": ("Answer", "PlatformClient"),
        "database": ("Faults", "VoiceDb", "voice_database"),
        "google": ("ActionsBuilder", "DialogflowCx", "DialogflowEs"),
        "jovo": ("JovoCore", "JovoWeb"),
        "lex": ("LexV1", "LexV2"),
    }
    _MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        return value
