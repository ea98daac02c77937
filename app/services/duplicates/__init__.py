"""Which customers are likely one and the same: compared by score, found by keys, never all with all."""
