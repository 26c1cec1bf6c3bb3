"""Reads and writes safetensors files of F32 and I64 tensors."""
import array
import json
import pathlib
import struct


def read(path):
    """Returns {name: [shape, values]} of the tensors of F32."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + struct.unpack_from("<Q", data)[0]
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", name
        begin, end = entry["data_offsets"]
        tensors[name] = [entry["shape"], list(array.array("f", data[start + begin : start + end]))]
    return tensors


def read_ids(path):
    """Returns `input_ids` of a reference file, of I64 or I32."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + struct.unpack_from("<Q", data)[0]
    entry = json.loads(data[8:start])["input_ids"]
    begin, end = entry["data_offsets"]
    return list(array.array({"I64": "q", "I32": "i"}[entry["dtype"]], data[start + begin : start + end]))


def write(path, tensors):
    """Writes {name: [shape, values]}; lists of int become I64."""
    header, body = {}, b""
    for name, (shape, values) in tensors.items():
        kind = ("I64", "q") if values and isinstance(values[0], int) else ("F32", "f")
        data = array.array(kind[1], values).tobytes()
        header[name] = {"dtype": kind[0], "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + body)
