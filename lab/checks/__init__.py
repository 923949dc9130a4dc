"""Checks: statements about a lab that hold or do not, polled to a deadline.

One module per kind; `run.py` runs them, `subset.py` compares trees, `evidence.py` says what was there on failure.
"""
