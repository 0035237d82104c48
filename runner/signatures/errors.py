"""What can be wrong with a signature, with the list of those who may sign, or with making one.

SignatureError
  NotASignatureError     what was given is no SSH signature
  NotTrustedError        it is one, and not of this text, or of nobody who may sign it
    AlteredError         it names a known key, and is not of this text
  AllowedSignersError    a line of the list cannot be read
  SigningError           ssh-keygen is not there, or did not sign
"""

from __future__ import annotations

from runner.advice import AdvisedError

__all__ = [
    "AllowedSignersError",
    "AlteredError",
    "NotASignatureError",
    "NotTrustedError",
    "SignatureError",
    "SigningError",
]


class SignatureError(AdvisedError, ValueError):
    """Something with a signature is wrong; nothing that it was to vouch for may be used. `next` is what to do."""


class NotASignatureError(SignatureError):
    """Raised for what cannot be read as an SSH signature, or uses an algorithm that is not taken."""


class NotTrustedError(SignatureError):
    """Raised where a signature does not make the text one that somebody of the list vouches for."""


class AlteredError(NotTrustedError):
    """Raised where a signature names a key that is known, and the text is not the one that was signed."""


class AllowedSignersError(SignatureError):
    """Raised for a list of which a line cannot be read; the message has its place."""


class SigningError(SignatureError):
    """Raised where no signature could be made."""
