"""Counts: `GET /` adds one to a number kept in MongoDB and answers it."""
