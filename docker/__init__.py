"""What readies an engine and images, and the commands `make up` and `make down`: run as `python -m docker.up`."""
