"""What the tests stand on: outside programs, servers, a browser, and the rules of a run."""

NO_SKIPS = "TWOFACTOR_NO_SKIPS"
"""Set to 1 in the environment, it makes a skipped test fail the run."""
