"""What people write: places in it, what is wrong with it, YAML, CSV and encodings. Imports nothing of the house."""
