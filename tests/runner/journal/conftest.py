"""Journals of a made-up audit for the tests of this room."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# Under --import-mode=importlib a test cannot import its neighbour by name.
_SPEC = importlib.util.spec_from_file_location("journals", Path(__file__).with_name("journals.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
sys.modules["journals"] = _MODULE
_SPEC.loader.exec_module(_MODULE)
