"""What the lab refuses."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot begin: an address that is taken, or an engine that nobody gave."""
