"""Tables as people have them become the same events, and what cannot be read is told with its place."""

import bz2
import gzip
import lzma

import cramjam
import orjson
import pytest

from floodmark.config.models import Config
from floodmark.files.columns import Columns
from floodmark.files.notes import FileError
from floodmark.files.reading import Asked, Files

T = ["2026-01-31 12:00:00", "2026-01-31 12:01:00", "2026-01-31 12:02:00"]
PLAIN = "timestamp,value\n" + "".join(f"{time},{value}\n" for time, value in zip(T, (1.5, 2.5, 3.5), strict=True))


def read(path, content, **asked):
    """The events of a file, and what there is to say of it."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    files = Files([path], Config(), Asked(Columns(**asked)))
    return [orjson.loads(record.value) for record in files.records()], files


def values(events):
    return [event["value"] for event in events]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        ("\ufeff" + PLAIN).encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "|").encode(),
        PLAIN.replace(",", ";").replace(".5", ",5").encode(),
        ("sep=;\r\n" + PLAIN.replace(",", ";")).encode(),
        ("January\n\n" + PLAIN).encode(),
        PLAIN.removeprefix("timestamp,value\n").encode(),
        gzip.compress(PLAIN.encode(), mtime=0),
        bz2.compress(PLAIN.encode()),
        lzma.compress(PLAIN.encode()),
        bytes(cramjam.zstd.compress(PLAIN.encode())),
        (",timestamp,value\n" + "".join(f"{i},{line}\n" for i, line in enumerate(PLAIN.splitlines()[1:]))).encode(),
        b'"timestamp", "value"\n' + "".join(f'"{time}", "{i}.5"\n' for i, time in enumerate(T, 1)).encode(),
        b"Date,Time,Value\n2026-01-31,12:00:00,1.5\n2026-01-31,12:01:00,2.5\n2026-01-31,12:02:00,3.5\n",
        b",value\n" + PLAIN.encode().partition(b"\n")[2],
    ],
)  # fmt: skip
def test_the_same_in_any_dress(tmp_path, content):
    events, files = read(tmp_path / "cart.csv", content)
    assert [(event["timestamp"], event["name"], event["value"]) for event in events] == [
        (1769860800.0, "cart", 1.5),
        (1769860860.0, "cart", 2.5),
        (1769860920.0, "cart", 3.5),
    ]
    assert not files.notes.refused


def test_latin_1_is_read_and_counted(tmp_path):
    events, files = read(tmp_path / "a.csv", "timestamp,value,city\n2026-01-31 12:00:00,1,Köln\n".encode("latin-1"))
    assert events[0]["labels"] == {"city": "Köln"}
    assert list(files.notes.repaired.values()) == [1]


def test_an_encoding_can_be_said(tmp_path):
    events, _ = read(tmp_path / "a.csv", "time,город,value\n2026-01-31,Омск,1\n".encode("cp1251"), encoding="cp1251")
    assert events[0]["labels"] == {"город": "Омск"}


@pytest.mark.parametrize("name", ["", "index", "id", "Unnamed: 0"])
def test_a_column_that_numbers_the_rows_is_no_label_in_any_order(tmp_path, name):
    rows = "".join(f"{i},{T[i]},{i}\n" for i in (2, 0, 1))
    events, files = read(tmp_path / "a.csv", f"{name},timestamp,value\n{rows}")
    assert [event["labels"] for event in events] == [{}, {}, {}]
    assert values(events) == [0, 1, 2]
    assert [said for said in files.notes.said if "out of order" in said]


def test_an_id_that_comes_again_is_a_label(tmp_path):
    events, _ = read(tmp_path / "a.csv", "id,timestamp,value\n" + "".join(f"{i},{t},1\n" for t in T for i in (7, 9)))
    assert {event["labels"]["id"] for event in events} == {"7", "9"}


def test_a_label_that_is_another_in_each_row_is_none(tmp_path):
    rows = "".join(f"{1769860800 + 60 * i},{i},request-{i}\n" for i in range(60))
    events, files = read(tmp_path / "a.csv", f"timestamp,value,request\n{rows}")
    assert all(event["labels"] == {} for event in events)
    assert "is no label" in files.notes.said[0]


def test_text_beside_numbers_is_a_label(tmp_path):
    events, _ = read(tmp_path / "a.csv", f"time,host,cpu,mem\n{T[0]},a,1,2\n{T[0]},b,3,4\n")
    assert [(event["name"], event["value"], event["labels"]) for event in events] == [
        ("cpu", 1, {"host": "a"}), ("mem", 2, {"host": "a"}), ("cpu", 3, {"host": "b"}), ("mem", 4, {"host": "b"}),
    ]  # fmt: skip


def test_text_that_says_how_it_is_parts_no_series(tmp_path):
    events, files = read(tmp_path / "a.csv", f"time,cpu,status\n{T[0]},1,ok\n{T[1]},2,warning\n{T[2]},3,ok\n")
    assert [(event["value"], event["labels"]) for event in events] == [(1, {}), (2, {}), (3, {})]
    assert "is left out" in files.notes.said[0]
    events, _ = read(tmp_path / "b.csv", f"time,cpu,host\n{T[0]},1,a\n{T[1]},2,b\n")
    assert [event["labels"] for event in events] == [{"host": "a"}, {"host": "b"}]


def test_the_decimal_sign_is_what_the_column_shows(tmp_path):
    events, _ = read(tmp_path / "a.csv", f"time;value\n{T[0]};1.234\n{T[1]};2.345,5\n")
    assert values(events) == [1234, 2345.5]
    events, _ = read(tmp_path / "b.csv", f'time,value\n{T[0]},"1,234"\n{T[1]},"2,345.5"\n')
    assert values(events) == [1234, 2345.5]


def test_units_are_kept_or_brought_together(tmp_path):
    events, _ = read(tmp_path / "a.csv", f"time,took\n{T[0]},12 ms\n{T[1]},13 ms\n")
    assert [(event["value"], event["unit"]) for event in events] == [(12, "ms"), (13, "ms")]
    events, _ = read(tmp_path / "b.csv", f"time,took\n{T[0]},12 ms\n{T[1]},1.3 s\n")
    assert [(event["value"], event["unit"]) for event in events] == [(0.012, "s"), (1.3, "s")]
    events, _ = read(tmp_path / "c.csv", f"time,cpu\n{T[0]},52.3%\n{T[1]},n/a\n")
    assert [(event["value"], event["unit"]) for event in events] == [(52.3, "%")]


def test_what_cannot_be_read_is_told_with_line_and_column_and_the_rest_is_read(tmp_path):
    path = tmp_path / "a.csv"
    events, files = read(path, f'time,cpu,mem\n{T[0]},oops,1\nyesterday,2,2\n{T[2]},3,3\n{T[2]},1,2,3,4\n"a\nb",1,2\n')
    assert values(events) == [1, 3, 3]
    assert files.notes.refused == {"wrong_type": 1, "not_a_time": 2, "malformed": 1}
    assert files.notes.first["wrong_type"] == f"{path}:2:21: 'oops' is no number (column 'cpu')"
    assert files.notes.first["not_a_time"].startswith(f"{path}:3:1: ")
    assert files.notes.first["malformed"].startswith(f"{path}:5: the row has 5 cells for 3 columns")


def test_a_line_break_in_quotes_is_no_row(tmp_path):
    events, _ = read(tmp_path / "a.csv", f'time,value,note\n{T[0]},1,"two\nlines"\n{T[1]},2,x\n')
    assert values(events) == [1, 2]


def test_dates_that_are_two_days_are_a_question(tmp_path):
    with pytest.raises(FileError, match=r"a\.csv:2:1: '01/02/2026' is read in two ways; does the day come first"):
        read(tmp_path / "a.csv", "time,value\n01/02/2026,1\n")
    with pytest.raises(FileError, match="give --time-format '%d/%m/%Y'"):
        read(tmp_path / "a.csv", "time,value\n01/02/2026,1\n31/01/2026,1\n")
    events, _ = read(tmp_path / "a.csv", "time,value\n01/02/2026,1\n", time_format="%d/%m/%Y")
    assert events[0]["timestamp"] == 1769904000.0


def test_a_packed_file_that_is_cut_off_is_read_up_to_there(tmp_path):
    rows = "".join(f"{1769860800 + i},{i * i}\n" for i in range(20_000))
    events, files = read(tmp_path / "a.csv.gz", gzip.compress(f"ts,value\n{rows}".encode())[:-3000])
    assert len(events) > 1000
    assert files.notes.refused["cut_off"] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"PAR1xxxx", "Parquet"), (b"", "can be read"), (b"time,message\n2026-01-31,hello\n", "--body '{message}'")],
)
def test_what_is_no_table_is_told(tmp_path, content, said):
    with pytest.raises(FileError, match=said):
        read(tmp_path / ("a.csv" if b"," in content else "a.bin"), content)


def test_influx_writes_its_own(tmp_path):
    head = "#datatype,string,long,dateTime:RFC3339,double,string,string,string\n#group,a\n#default,_result\n"
    body = f",result,table,_time,_value,_field,_measurement,host\n,,0,{T[0].replace(' ', 'T')}Z,7,usage,cpu,a\n"
    events, _ = read(tmp_path / "a.csv", head + body)
    assert [(event["name"], event["value"], event["labels"]) for event in events] == [("cpu_usage", 7, {"host": "a"})]
