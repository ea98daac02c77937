"""HTTP: what comes in is read, handed to a service, and its answer sent out."""
