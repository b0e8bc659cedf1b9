"""The REST API: a file per resource. Routes parse, call, and respond; errors become problems in one place."""
