"""Where enrolments, marks and counters live."""
