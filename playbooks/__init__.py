"""What: actions, playbooks, rendering, linting, judgement and facts. Imports neither inventory nor runner."""
