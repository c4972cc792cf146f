"""The documentation is done as it says: its blocks are run, its tutorial is typed."""
