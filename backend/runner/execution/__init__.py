"""Takes a request to its result: checks, queues, compiles and runs it."""
