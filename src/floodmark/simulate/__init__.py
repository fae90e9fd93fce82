"""The demo's world: a simulated shop with faults of known time and place, the machine itself, and their audience.

Nothing here is needed to watch real systems; nothing below `simulate` may import it.
"""
