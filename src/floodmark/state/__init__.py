"""The bottom layer: what a task has learned as bytes, and back, without ever running code that the bytes ask for.

`codec` is the door; `writing` takes a graph of objects apart and `reading` rebuilds it, `kinds` knows how each class is
taken apart, `columns` how fields become bytes. Nothing of Floodmark is known here: each stage says which classes may be
rebuilt.
"""

from floodmark.state.codec import Codec
from floodmark.state.kinds import Form, StateError, classes_in, name_of

__all__ = ["Codec", "Form", "StateError", "classes_in", "name_of"]
