"""What the settings do to recorded metrics: what a budget would have cost, and why a point alarmed or did not.

All of it runs the detect stage itself over a recording. It must never judge a point in a way of its own.
"""
