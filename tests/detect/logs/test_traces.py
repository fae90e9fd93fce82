import pytest

from floodmark.detect.logs.traces import Traces

JAVA = """ERROR could not save
java.lang.IllegalStateException: no session
+\tat org.example.Dao.save(Dao.java:12)
+\tat org.example.Main.main(Main.java:5)
+Caused by: java.io.IOException: closed
+\tat org.example.Pipe.write(Pipe.java:7)
+\t... 2 more
INFO next"""
PYTHON = """ERROR could not save
+Traceback (most recent call last):
+  File "/app/x.py", line 1, in <module>
+    run()
+ValueError: bad id
+
+During handling of the above exception, another exception occurred:
+
+Traceback (most recent call last):
+  File "/app/y.py", line 2, in save
+    raise KeyError from None
+KeyError: 'x'
INFO next"""
GO = """panic: boom
+goroutine 1 [running]:
+main.run(0x1, 0x2)
+\t/app/main.go:12 +0x1d
+created by main.main
+\t/app/main.go:5 +0x2f
INFO next"""
NODE = """TypeError: x is not a function
+    at run (/app/index.js:3:5)
+    at processTicksAndRejections (node:internal/process/task_queues:95:5)
INFO next"""
DOTNET = """Unhandled exception. System.Exception: no
+   at Example.Program.Run() in /app/Program.cs:line 9
+   --- End of inner exception stack trace ---
+   at Example.Program.Main(String[] args)
INFO next"""
RUBY = """app.rb:3:in `run': boom (RuntimeError)
+\tfrom app.rb:7:in `<main>'
INFO next"""
NONE = """  indented, but no trace
\tneither is this
at noon we had lunch
 at home (again)
from here: there
Caused by rain"""


@pytest.mark.parametrize("text", [JAVA, PYTHON, GO, NODE, DOTNET, RUBY])
def test_traces_belong_to_the_line_before(text):
    source = Traces()
    for line in text.split("\n"):
        assert source.goes_on(line.removeprefix("+")) == line.startswith("+"), line


def test_indentation_alone_is_no_trace():
    source = Traces()
    found = [line for line in NONE.split("\n") if source.goes_on(line)]
    assert found == [" at home (again)"]  # as a frame looks
