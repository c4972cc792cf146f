"""One thing that was found, under a name that stays: ``docs/reference/doctor.md`` has each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import TwoFactorError

Severity = Literal["wrong", "weak", "told"]


@dataclass(frozen=True)
class Problem:
    """What was found, and how to mend it; what is only ``told`` is no fault."""

    id: str
    severity: Severity
    text: str
    mend: str

    @property
    def is_fault(self) -> bool:
        """Tell whether it is wrong or weak."""
        return self.severity != "told"


def of_error(error: TwoFactorError) -> Problem:
    """Give what stopped the examination; our errors say themselves what mends them."""
    text, _, mend = str(error).partition("\n")
    return Problem(error.code, "wrong", text.rstrip(":; "), mend.strip() or "the first part says what is wanted")
