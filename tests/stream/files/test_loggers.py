"""Tables of instruments and programs: preambles stay, signals are denoised."""

import re

import numpy as np
import pytest

from tables import GENERAL, denoise_table

A = np.round(20 + np.sin(np.arange(400) / 20) + np.random.default_rng(1).normal(0, 0.4, 400), 3)
B = np.round(5 + np.random.default_rng(2).normal(0, 0.4, 400), 3)
ROWS = list(enumerate(zip(A.tolist(), B.tolist(), strict=True)))


def stamp(index: int) -> str:
    return f"2020-01-01 {index // 60:02d}:{index % 60:02d}:00"


# Name: preamble, rows, names of the signals and their places in a row, delimiter.
LOGGERS: dict[str, tuple[str, list[str], dict[str, int], str]] = {
    "Campbell TOA5": (
        '"TOA5","CR1000X","CR1000X","1234","CR1000X.Std.01","CPU:prog.CR1X","4321","Table1"\n'
        '"TIMESTAMP","RECORD","T_Avg","RH"\n"TS","RN","Deg C","%"\n"","","Avg","Smp"\n',
        [f'"{stamp(i)}",{i},{a:.3f},{b:.3f}' for i, (a, b) in ROWS],
        {"T_Avg": 2, "RH": 3},
        ",",
    ),
    "PicoScope": (
        "Time,Channel A,Channel B\n(ms),(mV),(mV)\n\n",
        [f"{-10 + i / 20:.8f},{a:.8f},{b:.8f}" for i, (a, b) in ROWS],
        {"Channel A": 1, "Channel B": 2},
        ",",
    ),
    "Rigol": (
        "X,CH1,CH2,Start,Increment\nSequence,VOLT,VOLT,-3.0e-03,1.0e-06\n",
        [f"{i},{a:.4e},{b:.4e},," for i, (a, b) in ROWS],
        {"CH1": 1, "CH2": 2},
        ",",
    ),
    "Tektronix, its preamble at the left": (
        "",
        [
            f"{left},{-0.001 + i * 4e-7:014.12f},   {a:.5f},"
            for (i, (a, _)), left in zip(
                ROWS, ["Record Length,2.5e+03,", "Sample Interval,4e-07,", "Source,CH1,", *[",,"] * 397], strict=True
            )
        ],
        {"5": 4},
        ",",
    ),
    "LeCroy": (
        "LECROYWP254,58887,Waveform\nSegments,1,SegmentSize,400\nSegment,TrigTime,TimeSinceSegment1\n"
        "#1,26-Jan-2018 10:43:37,0\nTime,Ampl\n",
        [f"{-1e-6 + i * 1e-9:.5e},{a:.5f}" for i, (a, _) in ROWS],
        {"Ampl": 1},
        ",",
    ),
    "Keysight": (
        "x-axis,1\nsecond,Volt\n",
        [f"{-1e-3 + i * 5e-6:+.7E},{a:+.5E}" for i, (a, _) in ROWS],
        {"Volt": 1},
        ",",
    ),
    "Empatica, three axes": (
        "1574622389.000000, 1574622389.000000, 1574622389.000000\n32.000000, 32.000000, 32.000000\n",
        [f"{10 * a:.0f},{20 * b:.0f},{10 * a + 10 * b:.0f}" for _, (a, b) in ROWS],
        {"1": 0, "2": 1, "3": 2},
        ",",
    ),
    "NASA POWER": (
        "-BEGIN HEADER-\nNASA/POWER Hourly Data\nLocation: Latitude  52.5   Longitude 13.4\nmissing: -999\n"
        "-END HEADER-\nYEAR,MO,DY,HR,T2M\n",
        [f"2022,1,{1 + i // 24},{i % 24},{a:.2f}" for i, (a, _) in ROWS],
        {"T2M": 4},
        ",",
    ),
    "OpenBCI": (
        "%OpenBCI Raw EEG Data\n%Number of channels = 2\n%Sample Rate = 250 Hz\n"
        "Sample Index, EXG Channel 0, EXG Channel 1, Other, Timestamp, Timestamp (Formatted)\n",
        [
            f"{i % 256}.0, {a:.6f}, {b:.6f}, 0.0, {1600000000 + i / 250:.6f}, 2020-09-13 12:26:{i // 250:02d}.004"
            for i, (a, b) in ROWS
        ],
        {"EXG Channel 0": 1, "EXG Channel 1": 2},
        ",",
    ),
    "HOBO": (
        '\ufeff"Plot Title: pond north"\n"#","Date Time, GMT-05:00","Temp, °C (LGR S/N: 10)","Coupler Detached"\n',
        [f"{i + 1},06/01/20 {1 + i // 60:02d}:{i % 60:02d}:00 PM,{a:.3f},{'Logged' * (i == 9)}" for i, (a, _) in ROWS],
        {"Temp, °C (LGR S/N: 10)": 2},
        ",",
    ),
    "LabVIEW, decimal comma": (
        "LabVIEW Measurement\t\nDecimal_Separator\t,\n***End_of_Header***\t\n\t\nChannels\t2\t\n"
        "X_Value\tSpannung\tComment\n",
        [f"{i / 1000:.6f}\t{a:.6f}\t".replace(".", ",") for i, (a, _) in ROWS],
        {"Spannung": 1},
        "\t",
    ),
    "numpy.savetxt": (
        "",
        [f"{i / 100:.18e} {a:.18e} {b:.18e}" for i, (a, b) in ROWS],
        {"2": 1, "3": 2},
        " ",
    ),
    "R's write.table": (
        '"temp" "hum"\n',
        [f'"{i + 1}" {a:.2f} {b:.2f}' for i, (a, b) in ROWS],
        {"temp": 1, "hum": 2},
        " ",
    ),
    "pandas, years as names": (
        "station,2019,2020\n",
        [f"x{i},{a:.3f},{b:.3f}" for i, (a, b) in ROWS],
        {"2019": 1, "2020": 2},
        ",",
    ),
    "pandas, floats as names": (
        "0.0,0.5,1.0\n",
        [f"{a:.3f},{b:.3f},{a + b:.3f}" for _, (a, b) in ROWS],
        {"0.0": 0, "0.5": 1, "1.0": 2},
        ",",
    ),
    "phyphox, decimal comma": (
        '"Time (s)";"Acceleration x (m/s^2)"\n',
        [f"{i / 100:.9E};{a:.9E}".replace(".", ",") for i, (a, _) in ROWS],
        {"Acceleration x (m/s^2)": 1},
        ";",
    ),
    "Xsens": (
        "// Start Time: Unknown\n// Sample rate: 100.0Hz\nPacketCounter\tSampleTimeFine\tAcc_X\n",
        [
            f"{(65300 + i) % 65536:05d}\t{4294960000 + i * 100 if i < 72 else (i - 72) * 100}\t{a:.6f}"
            for i, (a, _) in ROWS
        ],
        {"Acc_X": 2},
        "\t",
    ),
    "AcqKnowledge, samples counted under the names": (
        "recording.acq\n2 msec/sample\n2 channels\nECG\nmV\nRSP\nVolts\nmin,CH1,CH2,\n,400,400,\n",
        [f"{i * 3.3e-5:.7f},{a:.4f},{b:.4f}," for i, (a, b) in ROWS],
        {"CH1": 1, "CH2": 2},
        ",",
    ),
    "InfluxDB": (
        "#group,false,false,true\n#datatype,string,long,dateTime:RFC3339,double\n#default,_result,,,\n,result,table,_time,_value\n",
        [f",,0,2020-01-01T00:{i // 60:02d}:{i % 60:02d}Z,{a:.3f}" for i, (a, _) in ROWS],
        {"_value": 4},
        ",",
    ),
    "a markdown table": (
        "| t | v |\n|---|---|\n",
        [f"| {i} | {a:.3f} |" for i, (a, _) in ROWS],
        {"v": 2},
        "|",
    ),
    "NDBC, names and units in comments": (
        "#YY  MM DD hh mm WSPD  PRES\n#yr  mo dy hr mn m/s    m/s\n",
        [f"2024 03 {1 + i // 24:02d} {i % 24:02d} 00 {a:.1f} {1000 + b:.1f}" for i, (a, b) in ROWS],
        {"WSPD": 5, "PRES": 6},
        " ",
    ),
    "a register of flags": (
        "t,v,status_word\n",
        [f"{i},{a:.3f},{(0, 1, 16, 272, 4096, 129, 8192, 65)[i * i % 31 % 8]}" for i, (a, _) in ROWS],
        {"v": 1},
        ",",
    ),
    "a hundred comment lines": (
        "".join(f"# setting {i}: value {3 * i}\n" for i in range(150)) + "time,v\n",
        [f"{i / 1000:.3f},{a:.3f}" for i, (a, _) in ROWS],
        {"v": 1},
        ",",
    ),
}


@pytest.mark.parametrize("name", LOGGERS)
def test_signals_of_loggers_are_denoised_and_nothing_else(name):
    preamble, rows, signals, delimiter = LOGGERS[name]
    done = denoise_table((preamble + "".join(f"{row}\r\n" for row in rows)).encode())
    assert done.columns == list(signals)
    assert done.data.decode().startswith(preamble)
    after = done.data.decode().removeprefix(preamble).split("\r\n")[:-1]
    before_cells, after_cells = ([row.split(delimiter) for row in table] for table in (rows, after))
    for old, new in zip(before_cells, after_cells, strict=True):
        assert [cell for place, cell in enumerate(old) if place not in signals.values()] == [
            cell for place, cell in enumerate(new) if place not in signals.values()
        ]
    for place in signals.values():
        noisy, found = (
            np.array([float(row[place].replace(",", ".")) for row in cells]) for cells in (before_cells, after_cells)
        )
        assert np.abs(found - GENERAL.denoise(noisy)).max() <= 2e-3 * np.ptp(noisy)


AMBIGUOUS = {
    "decimal commas or two columns": ("", [f"{a:.1f}".replace(".", ",") for a in A], "--decimal , or --delimiter ,"),
    "one name with a comma": ("Temp, innen\n", [f"{a:.1f}".replace(".", ",") for a in A], "--decimal , or"),
    "decimal commas between commas": (
        "row,temp\n", [f"{i},{a:.2f}".replace(".", ",") for i, (a, _) in ROWS], "2 names above rows of 3 fields; state",
    ),
    "decimal commas between commas, no names": (
        "", [f"{a:.2f},{b:.2f}".replace(".", ",") for _, (a, b) in ROWS], "looks like the digits after",
    ),
    "the same beside a row of another kind": (
        "", ["x,1.234,5,6", *(f"{a:.2f},{b:.2f}".replace(".", ",") for _, (a, b) in ROWS)][::-1],
        "looks like the digits after",
    ),
    "grouped or decimal, all of three digits": (
        "t\tv\n", [f"{i}\t{1000 + 10 * a:,.0f}" for i, (a, _) in ROWS], "can be read as 1.2.. or as 12..; say which",
    ),
    "grouped beside whole": (
        "t;v\n", [f"{i};{800 + 10 * a:,.0f}".replace(",", ".") for i, (a, _) in ROWS], "beside '9..' can be read as",
    ),
    "decimal commas below half as many names": (
        "t,U,I\n", [f"{i / 10:.1f},{a:.2f},{b:.2f}".replace(".", ",") for i, (a, b) in ROWS],
        "3 names above rows of 6 fields, as if commas were decimal marks too",
    ),
    "decimal commas below a setting and its value": (
        "Messrate,512 Hertz\nEinheit,µV\n\n", [f"{a:.1f}".replace(".", ",") for a in A], "--decimal , or --delimiter ,"
    ),
    "thousands that come late": (
        "t;v\n", [*(f"{i};{900 + 3 * a:.0f}" for i, a in enumerate([*A, *A, *A])), "1200;1.015"],
        "line 1202, column 'v': '1.015' can be a decimal or a grouped number; say which with --decimal",
    ),
    "grouped by spaces or two columns": ("", [f"2 {100 + 10 * a:.0f}" for a in A], "--delimiter none or"),
    "two tables in one file": (
        "time,v\n",
        [*(f"{i},{a:.2f}" for i, (a, _) in ROWS[:150]), "time,p,q", *(f"{i},{a},{b}" for i, (a, b) in ROWS)],
        "two tables: rows of 2 fields from line 2 on, of 3 from line 153 on; .*--skip-rows 151$",
    ),
    "a preamble that looks like rows": (
        "Model,SCOPE\nRecord Length,600\n", [f"{i / 100:.2f},{a:.2f}" for i, (a, _) in ROWS], "--skip-rows 2",
    ),
    "a footer": ("t,v\n", [*(f"{i},{a:.2f}" for i, (a, _) in ROWS), "mean,20.1"], "'mean' is not a number; --on-bad"),
}  # fmt: skip


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_is_refused_with_the_way_out(name):
    preamble, rows, words = AMBIGUOUS[name]
    with pytest.raises(Exception, match="line [0-9]+") as refusal:
        denoise_table((preamble + "".join(f"{row}\n" for row in rows)).encode())
    assert re.search(words, str(refusal.value)), str(refusal.value)


def test_tabs_part_dates_and_times_beside_texts_where_names_agree_with_them():
    preamble = (
        "# U.S. Geological Survey\n"
        "agency_cd\tsite_no\tdatetime\ttz_cd\t60_00060\t60_00060_cd\n5s\t15s\t20d\t6s\t14n\t10s\n"
    )
    rows = [f"USGS\t01646500\t{stamp(15 * i)[:-3]}\tEDT\t{a:.2f}\tP\n" for i, (a, _) in ROWS[:90]]
    done = denoise_table((preamble + "".join(rows)).encode())
    left = {column["name"]: column["reason"] for column in done.facts["left"]}
    assert (done.columns, left["datetime"]) == (["60_00060"], "dates or times")


def test_a_sign_in_the_second_field_of_a_tab_table_begins_no_comment():
    preamble = "CURVE\tTABLE\t400\n\tPt\tT\tIm\n\t#\ts\tA\n"
    done = denoise_table((preamble + "".join(f"\t{i}\t{i / 50}\t{a:.4f}\n" for i, (a, _) in ROWS)).encode())
    assert (done.columns, done.source.sample_rate_hz) == (["Im"], 50.0)


def test_a_line_that_names_no_signal_is_below_the_line_of_names():
    preamble = "Model,GP10\nCh.,,CH001,CH002\nUnit,,C,kPa\nDate,Time,,\n"
    rows = [f"{stamp(i).replace(' ', ',')},{a:.2f},{b:.2f}\n" for i, (a, b) in ROWS]
    assert denoise_table((preamble + "".join(rows)).encode()).columns == ["CH001", "CH002"]


def test_names_part_dates_and_times_beside_texts_at_commas():
    rows = [f"HR,Watch,{a:.2f},count/min,{stamp(i)} +0200,{stamp(i)} +0200\n" for i, (a, _) in ROWS]
    assert denoise_table(("type,source,value,unit,start,end\n" + "".join(rows)).encode()).columns == ["value"]


def test_a_semicolon_that_delimits_begins_no_comment_above_the_data():
    rows = [f"{stamp(i)};{a:.2f};{b:.2f}\n".replace(".", ",") for i, (a, b) in ROWS]
    head = ";Power;Yield\n;Analog;Counter\ndd/MM/yyyy;kW;kWh\n"
    assert denoise_table((head + "".join(rows)).encode()).columns == ["Power", "Yield"]


@pytest.mark.parametrize("line", ["Range=\t10 mV\t10 V", "* FileName = x", "# kind: matrix of floats"])
def test_a_line_that_states_a_setting_names_no_columns(line):
    delimiter = "\t" if "\t" in line else " "
    rows = [f"{i / 100}{delimiter}{a:.3f}{delimiter}{b:.3f}\n" for i, (a, b) in ROWS]
    assert denoise_table(f"{line}\n{''.join(rows)}".encode()).columns == ["2", "3"]


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("100\n,,LASI,,RASI,\nFrame,Sub,X,Y,X,Y\n,,mm,mm,mm,mm\n", ["X", "Y", "X", "Y"]),
        ("DataRate,Units\n100,mm\nFrame#,Time,LASI,,RASI,\n,,X1,Y1,X2,Y2\n\n", ["X1", "Y1", "X2", "Y2"]),
        ("n,t,Left,,Right,\n#,s,V,V,V,V\n", ["Left", "", "Right", ""]),
    ],
    ids=["Vicon", "TRC", "units"],
)
def test_names_stand_below_their_groups(head, names):
    rows = "".join(f"{i},0,{a:.3f},{b:.3f},{b:.3f},{a:.3f}\n" for i, (a, b) in ROWS)
    assert denoise_table((head + rows).encode()).columns == names


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        ("Time:,Temp,Hum\n", ["Temp", "Hum"]),
        ("# time: temp hum\n", ["temp", "hum"]),
        ("load,average,host\nTime,1s,5s\n", ["1s", "5s"]),
    ],
)
def test_names_with_a_colon_or_like_the_width_of_a_field_are_names(head, columns):
    delimiter = " " if head.startswith("#") else ","
    rows = [delimiter.join((f"{n / 100:.2f}", f"{value:.3f}", f"{-value:.3f}")) for n, value in enumerate(A)]
    done = denoise_table((head + "\n".join(rows) + "\n").encode())
    assert (done.columns, done.source.sample_rate_hz) == (columns, pytest.approx(100))
