"""A hundred thousand short runs, good and bad, with every answer looked at and nothing left growing."""
