"""Where: clients, hosts, groups, labels and the selection over them. Imports neither playbooks nor runner."""
