"""From the alerts topic to people: who is told of an incident, when, by which way, and what has come of it."""
