"""HTTP: routes, their models, and the page."""
