"""Measurements. `make bench` prints them as JSON; ratios are taken in one run, so that the machine's speed cancels."""
