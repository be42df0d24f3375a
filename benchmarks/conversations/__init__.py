"""Transcripts: capacity units and requests beside one growing list, appends by many writers, reading the end, packing."""
