from __future__ import annotations

import os

os.environ["VOICE_DB_TABLE_NAME"] = "Users"  # template.yaml sets it on AWS Lambda
