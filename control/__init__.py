"""Docker networks and containers over HTTP, and a durable log of who was connected to what, and when."""
