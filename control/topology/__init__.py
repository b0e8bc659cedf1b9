"""Changes of more than one thing at a time: planned, made step by step, and taken back where one fails."""
