"""How long a test waits for what must come: waiting costs nothing when all is well."""

PATIENCE = 30  # seconds
