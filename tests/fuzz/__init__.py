"""Requests, bodies and frames that nobody thought of."""
