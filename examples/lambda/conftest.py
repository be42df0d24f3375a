from __future__ import annotations

import os

os.environ["VOICE_DB_TABLE_NAME"] = "Users"  # in AWS Lambda, template.yaml sets it
