"""The pipeline: takes a commit to staging, proves it there, and promotes the same artifact to production.

Arrows point one way: tasks → release → (verification, platforms, ledger, artifacts) → environments.
"""
