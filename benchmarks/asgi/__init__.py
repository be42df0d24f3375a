"""What a request costs a skill under uvicorn, and how many it answers in a second."""
