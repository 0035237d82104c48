"""Where a path of IIS's configuration leads: see playbooks/investigating/places.py."""

from playbooks.investigating.places import Place, Server, Standing, comparable, on_a_drive, place

__all__ = ["Place", "Server", "Standing", "comparable", "on_a_drive", "place"]
