"""The tests: the folders mirror the packages; e2e and faults stand on a real engine, in `support`."""
