"""What an operator sees in a terminal: incidents and anomalies as tables, sentences and sparklines, and the live page.

All of it is pure: what was read from Kafka and from engines goes in, text comes out. It must never decide anything.
"""
