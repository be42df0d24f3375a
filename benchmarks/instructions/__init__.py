"""Instructions of a process start and of a turn, counted by Valgrind: figures that no other work on the machine moves."""
