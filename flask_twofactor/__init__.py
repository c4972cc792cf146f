"""TOTP two-factor authentication for existing Flask-Login consoles: ``TwoFactor(app)``."""

from .core.records import Brand
from .errors import TwoFactorError
from .extension import TwoFactor

__all__ = ["Brand", "TwoFactor", "TwoFactorError"]
__version__ = "0.1.0"
