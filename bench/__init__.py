"""What the extension costs, as ratios of contenders that are measured in turn in one run."""
