"""TOTP two-factor authentication for existing Flask-Login consoles: ``TwoFactor(app)``."""

from .core.palettes import Colours
from .core.records import Brand
from .errors import TwoFactorError
from .extension import TwoFactor

__all__ = ["Brand", "Colours", "TwoFactor", "TwoFactorError"]
__version__ = "0.1.0"
