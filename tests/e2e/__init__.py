"""Whole stories and commands, on a real engine."""
