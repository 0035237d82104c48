"""Where events go: a file, a syslog, an HTTP endpoint."""
