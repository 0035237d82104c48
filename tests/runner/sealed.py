"""A reader of zip files that are encrypted with AES, from WinZip's description of the format alone.

https://www.winzip.com/en/support/aes-encryption/ (AE-2): in place of the compressed bytes stand salt, two bytes that
verify the password, the encrypted bytes, and the first ten bytes of their HMAC-SHA1. PBKDF2-HMAC-SHA1 with 1,000 rounds
gives both keys; AES runs in counter mode, its counter little-endian and from 1. No code of ours, and none of the
library that wrote the file.
"""

from __future__ import annotations

import hmac
import struct
import zipfile
import zlib
from hashlib import pbkdf2_hmac
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

_KEY, _SALT, _TAG, _BLOCK = 32, 16, 10, 16


def unsealed(path: Path, password: bytes = b"infected") -> dict[str, bytes]:
    """The contents by name. AssertionError where a file is not sealed with AES-256, or not with this password."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return {each.filename: _content(each, _stored(data, each), password) for each in archive.infolist()}


def _stored(data: bytes, about: zipfile.ZipInfo) -> bytes:
    """What stands in a file's place, behind its local header."""
    signature, name, extra = struct.unpack_from("<4s22xHH", data, about.header_offset)
    assert signature == b"PK\x03\x04"
    begin = about.header_offset + 30 + name + extra
    return data[begin : begin + about.compress_size]


def _content(about: zipfile.ZipInfo, stored: bytes, password: bytes) -> bytes:
    assert about.compress_type == 99, "it says by what it is encrypted"
    kind, length, version, vendor, strength, method = struct.unpack("<HHH2sBH", about.extra[:11])
    assert (kind, length, version, vendor, strength) == (0x9901, 7, 2, b"AE", 3)
    assert about.CRC == 0, "AE-2 gives nothing away of what is inside"
    salt, verifier, tag = stored[:_SALT], stored[_SALT : _SALT + 2], stored[-_TAG:]
    keys = pbkdf2_hmac("sha1", password, salt, 1000, 2 * _KEY + 2)
    assert keys[2 * _KEY :] == verifier, "another password"
    sealed = stored[_SALT + 2 : -_TAG]
    assert hmac.digest(keys[_KEY : 2 * _KEY], sealed, "sha1")[:_TAG] == tag, "altered"
    blocks = -(-len(sealed) // _BLOCK)
    counters = b"".join(number.to_bytes(_BLOCK, "little") for number in range(1, blocks + 1))
    pad = Cipher(AES(keys[:_KEY]), ECB()).encryptor().update(counters)  # counter mode, by hand
    plain = bytes(one ^ other for one, other in zip(sealed, pad, strict=False))
    assert method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)
    return plain if method == zipfile.ZIP_STORED else zlib.decompress(plain, -15)
