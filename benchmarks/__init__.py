"""The harness of symbench: `python -m benchmarks`."""
