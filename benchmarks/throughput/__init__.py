"""Speed cases, for pytest-benchmark: `pytest benchmarks/throughput`."""
