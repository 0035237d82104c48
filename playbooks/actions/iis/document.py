"""XML of a configuration file: see playbooks/investigating/document.py, where it is read."""

from playbooks.investigating.document import MOST_DEPTH, MOST_ELEMENTS, Element, UnreadableXmlError, read

__all__ = ["MOST_DEPTH", "MOST_ELEMENTS", "Element", "UnreadableXmlError", "read"]
