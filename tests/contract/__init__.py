"""Schemathesis against a real control on a real engine: whatever the document allows and forbids, sent and checked."""
