"""The counter: units in-process, promises against real processes and a real mongod."""
