"""Two restores of one snapshot: `python -m tests.aws_lambda.clones`, with the settings of `skill.py`.

A fork copies the whole memory, as a restore does. Each line that is printed is one clone's: the state of
`random` in the snapshot, what is drawn after the restore, the slot of a write, and what the skill answers.
"""

from __future__ import annotations

import json
import os
import random

from awslambdaric.lambda_runtime_hooks_runner import run_after_restore, run_before_snapshot

from tests.aws_lambda.events import intent, spoken
from tests.aws_lambda.skill import handler

handler(intent("Score"))
run_before_snapshot()
state = random.getstate()
for _ in range(2):
    if child := os.fork():
        os.waitpid(child, 0)
    else:
        random.setstate(state)  # which a fork does not leave, and a restore does
        in_snapshot = hash(random.getstate())
        run_after_restore()
        clone = [
            in_snapshot,
            random.random(),
            handler._app.store._users.items.writer.begin("u").slot,
            spoken(handler(intent("Score"))),
        ]
        os.write(1, json.dumps(clone).encode() + b"\n")
        os._exit(0)
