"""The worker: the light process that serves clients, and the engine process that does the work."""
