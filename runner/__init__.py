"""How: sessions, transport, audit, journal, reports, lab and the command line."""
