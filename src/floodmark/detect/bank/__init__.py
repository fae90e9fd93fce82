"""The series of a task in arrays, judged by a compiled kernel, point by point as `SeriesModel` would (law 9).

`layout` says what the arrays hold, `kernel` is the port of the model, `carry` moves a series between an array row and
a `SeriesModel`, `table` is the growing arrays with their free rows.
"""
