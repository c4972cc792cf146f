"""Several machines, as far as one can hold them: run by ``make cluster``, and not by ``make test``."""
