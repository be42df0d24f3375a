"""The user record that a handler receives, its stored form, and the writes of a save."""
