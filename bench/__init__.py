"""What the extension costs, as ratios measured in one run."""
