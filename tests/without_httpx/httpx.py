"""Found before httpx by the processes that tests start, which are to do without it: see `processes_without_httpx`."""

raise ImportError("no process of the tests is to load httpx")
