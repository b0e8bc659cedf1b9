"""The event log: every connect and disconnect that the engine shows, whoever caused it, durable and in order."""
