"""Bytes, integers and frozen records: no I/O, no clock, no configuration, no Flask."""
