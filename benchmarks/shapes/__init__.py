"""CPU and wall time of a turn on users of different shapes: texts, lists, many keys, counters, messages, a model."""
