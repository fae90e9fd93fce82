"""What the pages ask of the view: each a function of a reading connection (`View.reading()`) and plain parameters to
what the contract says. They look, and change nothing.
"""
