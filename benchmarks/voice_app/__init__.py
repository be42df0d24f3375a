"""CPU and wall time of a whole turn of a `VoiceApp`, from request JSON to response JSON, beside the store's own turn."""
