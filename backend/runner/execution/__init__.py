"""From a request to its result: checked, queued, compiled, run."""
