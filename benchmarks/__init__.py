"""What is fast, against what a user would otherwise do, as ratios in one run: `make bench`."""
