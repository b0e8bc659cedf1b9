"""The Docker Engine: the only place that speaks aiodocker. Observes, acts, and reads the event stream."""
