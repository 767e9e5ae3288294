"""What the hot paths cost, beside the bare driver of the same run: ``python -m benchmarks``."""
