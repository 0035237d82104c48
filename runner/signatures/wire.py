"""The data types of SSH (RFC 4251, 5), strictly: nothing missing, nothing left over, one form for each value."""

from __future__ import annotations

from dataclasses import dataclass

from runner.signatures.errors import NotASignatureError

__all__ = ["Reader", "string"]

_DAMAGED = "Take the file again from where it was made."


def string(value: bytes) -> bytes:
    """A string as it is sent."""
    return len(value).to_bytes(4, "big") + value


@dataclass(slots=True)
class Reader:
    """Reads values from the front of `data`; every method raises NotASignatureError where the next one is not there."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self.data) - self.at:
            raise NotASignatureError("the signature or a key ends too early", _DAMAGED)
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        """A number of one byte."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """A number of four bytes."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """A string: its length, then its bytes."""
        return self.take(self.uint32())

    def number(self) -> int:
        """A positive mpint, in its shortest form."""
        value = self.string()
        if not value or value[0] & 0x80 or (value[0] == 0 and (len(value) == 1 or not value[1] & 0x80)):
            raise NotASignatureError("the signature or a key has a number that is not in its one form", _DAMAGED)
        return int.from_bytes(value, "big")

    def end(self) -> None:
        """Nothing follows."""
        if self.at != len(self.data):
            raise NotASignatureError("something follows the end of the signature or of a key", _DAMAGED)
