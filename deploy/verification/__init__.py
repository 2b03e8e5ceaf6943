"""Suites against an environment, and the evidence that they make. `catalogue.py` says which there are."""
