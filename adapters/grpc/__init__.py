"""gRPC on Trio."""
