"""WinRM: one runspace pool per host, a gate for scripts, deadlines and classified failures."""
