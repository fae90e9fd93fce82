"""`python -m floodmark`."""

from floodmark.cli import app

app()
