"""Check what the options say about the source and the sink before anything is opened."""

import contextlib
import math
import os
import sys
import zipfile
from pathlib import Path

from denoise_stream.cli.ends.ends import Ends, format_of_end
from denoise_stream.cli.options import LIVE, Options, is_stream
from denoise_stream.files.audio.encodings import RAW_FORMATS
from denoise_stream.files.formats import ending_of
from denoise_stream.files.tables.format import TABLE
from denoise_stream.sensors.addresses import LslAddress, SerialAddress

IN_WORDS = {"audio": "audio", "table": "a table", "array": "an array"}


def checked_ends(options: Options) -> Ends:
    """Return the ends that the options name.

    Raises
    ------
    ValueError
        If the options contradict each other, or describe what is not there.
    """
    if options.virtual_mic is not None:
        _check_virtual(options)
    ends = Ends.of(options)
    _check_names(ends)
    _check_descriptions(ends)
    _check_sensors(ends)
    if ends.sink != "null":
        _check_formats(ends)
    return ends


def _check_virtual(options: Options) -> None:
    """Refuse a virtual microphone for anything but a microphone, and other outputs beside it."""
    if options.source != "mic":
        raise ValueError("--virtual-mic denoises a microphone; leave out --input, or use --input mic")
    for name, value in (("--output", options.sink), ("--output-device", options.output_device)):
        if value is not None:
            raise ValueError(f"--virtual-mic is the output; leave out {name} {value}")


def _check_names(ends: Ends) -> None:
    """Refuse ends that cannot be what they are named for."""
    source, sink, pipe_format = ends.source, ends.sink, ends.options.pipe_format
    if (source == "-" and sys.stdin is None) or (sink == "-" and sys.stdout is None):
        raise ValueError(f"--input {source} --output {sink}: the standard stream is closed")
    _refuse_npz("--input", source)
    _refuse_npz("--output", sink)
    if source in ("speaker", "null") or sink in LIVE:
        raise ValueError(f"--input {source} --output {sink}: a signal cannot go that way")
    if ends.output_file is not None and (sink.endswith(("/", os.sep)) or ends.output_file.is_dir()):
        raise ValueError(f"--output {sink} is a folder, in which this input has no name; name a file in it")
    if source == "-" and pipe_format is None:
        raise ValueError("--input - needs --format csv, wav, s16le or f32le")
    if pipe_format is not None and "-" not in (source, sink):
        raise ValueError("--format applies to a pipe, but neither --input nor --output is '-'")


def _check_descriptions(ends: Ends) -> None:
    """Refuse options that state what the input states itself, or that do not apply to it."""
    options = ends.options
    raw = ends.source in LIVE or (ends.source == "-" and options.pipe_format in RAW_FORMATS)
    if options.columns is not None and ends.kind != "table":
        raise ValueError(f"--columns applies to a table, but the input is {IN_WORDS[ends.kind]}")
    if options.reading.table.stated and ends.source_format is not TABLE:
        raise ValueError(f"{options.reading.table.stated} applies to a table of text, which the input is not")
    if options.series_column is not None and (is_stream(ends.source) or ends.kind != "table"):
        raise ValueError("--series-column applies to a table in a file, which is read twice")
    if options.salvage and (raw or ends.kind != "audio"):
        raise ValueError("--salvage applies to audio with a header, in a file or a WAV pipe")
    if options.keep_peaks and (ends.kind == "audio" or options.series_column is not None):
        raise ValueError("--keep-peaks applies to a table or an array of signals, not audio and not --series-column")
    if options.listen and (ends.kind != "audio" or ends.source in LIVE):
        input_in_words = "live" if ends.source in LIVE else IN_WORDS[ends.kind]
        raise ValueError(
            f"--listen plays sound before and after, from a file or pipe, but the input is {input_in_words}"
        )
    if options.listen and ends.sink == "speaker":
        raise ValueError("--output speaker plays all of the result; use it or --listen, not both")
    if options.channels is not None and not raw:
        raise ValueError("--channels applies to a raw pipe, 'mic' or 'monitor'; this input has its own")
    if options.channels is not None and options.channels < 1:
        raise ValueError(f"--channels {options.channels} is too few; use 1 or more")
    if options.channels is not None and options.channels > options.max_columns:
        raise ValueError(
            f"--channels {options.channels} is more than {options.max_columns}, and each uses memory; "
            "allow as many with --max-columns"
        )
    if options.rate is not None and not (math.isfinite(options.rate) and options.rate > 0):
        raise ValueError(f"--rate {options.rate:g} is not a valid sample rate; use a number above 0")
    if options.rate is not None and ends.kind == "audio" and not raw:
        raise ValueError("--rate applies to a raw pipe, a table, an array, 'mic' or 'monitor'; this input has its own")


def _check_sensors(ends: Ends) -> None:
    """Refuse sensors as the output of what does not come live, and options that do not apply to them."""
    source, table_option = ends.source_address, ends.options.reading.table.stated
    if source is not None and source == ends.sink_address and not isinstance(source, SerialAddress):
        raise ValueError(f"--output {ends.sink} is the input too, which would hear itself; choose another name")
    if isinstance(source, LslAddress) and table_option:
        raise ValueError(f"{table_option} applies to a table of text; LSL carries numbers")
    if isinstance(ends.sink_address, LslAddress) and not is_stream(ends.source):
        raise ValueError(
            f"--output {ends.sink} stamps samples with the time at which they arrive, which a file lacks; "
            "use a live input"
        )


def _check_formats(ends: Ends) -> None:
    """Refuse an output that cannot hold what the input holds."""
    source, sink, pipe_format = ends.source, ends.sink, ends.options.pipe_format
    if sink == "-":
        target = ends.source_format if pipe_format is None else format_of_end("-", pipe_format)
    else:
        target = format_of_end(sink, None)
    if target.kind != ends.kind:
        remedy = f"; end the name in {ends.source_format.endings[0]}" if sink != "-" else ""
        raise ValueError(f"--output {sink}: {IN_WORDS[ends.kind]} stays {IN_WORDS[ends.kind]}{remedy}")
    if sink == "-" and not ends.source_format.in_pipes:
        raise ValueError(f"--output -: {source} is a format that cannot be written to a pipe; name a file")
    if ends.kind == "audio" or sink == "-" or ends.sink_address is not None:
        return
    if ends.source_address is not None and ending_of(sink) != ".csv":
        raise ValueError(f"--output {sink}: a sensor's rows are CSV; end the name in .csv")
    if source == "-" and target is not ends.source_format:
        raise ValueError(f"--output {sink}: the pipe carries CSV; end the name in .csv")
    if not is_stream(source) and ending_of(source) != ending_of(sink):
        raise ValueError(f"--output {sink}: the format stays as it is; end the name in {ending_of(source)}")


def _refuse_npz(option: str, name: str) -> None:
    """Refuse an archive of arrays: nothing says which of them is the signal."""
    if ending_of(name) != ".npz":
        return
    names = "NAME"
    with contextlib.suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(name) as archive:
        names = " or ".join(member.removesuffix(".npy") for member in archive.namelist()) or names
    raise ValueError(
        f"{option} {name} holds several arrays, and a single one in .npy is needed; in Python: "
        f"numpy.save('signal.npy', numpy.load('{Path(name).name}')['{names}'])"
    )
