"""A long random run that kills things, and a checker of the log that shares no code with it.

`plan` (pure) says what is done and when something dies; `hands` do it, by control's API and by the engine's bare
socket, and keep a `journal`; `faults` kill, stop, fill and step; `checker` (pure, with `lines`, `shown` and
`accounts`) holds the log against what the engine shows and against the journal; `run` puts them together.
"""
