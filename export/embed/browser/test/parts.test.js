/** The parts that need no browser: the audio thread with a worker that changes nothing, tables, calls. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ring, ringMemory } from "../src/ring.js";
import { readCsv } from "../src/csv.js";
import { ticks } from "../src/axes.js";
import { decodeText } from "../src/layout.js";
import { removedShare } from "../src/view.js";

const BLOCK = 128;
const BLOCKS = 700;

let Transport;
globalThis.AudioWorkletProcessor = class {
  port = { postMessage: (report) => (this.reported = report) };
};
globalThis.registerProcessor = (_, kind) => (Transport = kind);
await import("../src/transport.js");

/** Return what is played while samples 0, 1, 2 ... go in; the worker returns a sample after one window. */
function played(window, hop, linked) {
  const memory = { input: ringMemory(true, { window, hop }), output: ringMemory(true, { window, hop }) };
  const transport = new Transport({ processorOptions: { memory: linked ? undefined : memory, window, hop } });
  const [input, output] = [memory.input, memory.output].map((one) => new Ring(one));
  const link = { postMessage: (block) => (heard += block.length) };
  if (linked) transport.port.onmessage({ data: { link } });
  let [heard, given, dropped, number] = [0, 0, 0, 0];
  const blocks = [];
  for (let count = 0; count < BLOCKS; count++) {
    const block = Float32Array.from({ length: BLOCK }, () => number++);
    const target = new Float32Array(BLOCK);
    transport._mix = transport._target = count % 2; // the original and the denoised, one block each
    transport.process([[block]], [[target]]);
    blocks.push(target);
    if (!linked) heard += input.pull(new Float32Array(BLOCK));
    const finished = Math.max(0, Math.floor((heard - window) / hop) + 1) * hop;
    const clean = Float32Array.from({ length: finished - given }, (_, n) => given + n);
    given = finished;
    if (linked) link.onmessage({ data: clean });
    else dropped += output.push(clean);
  }
  return { blocks, dropped, reported: transport.reported };
}

for (const rate of [16000, 44100, 48000, 96000])
  for (const [window, hop] of [
    [150, 75],
    [6000, 3000],
  ])
    for (const linked of [false, true])
      test(`nothing is lost at ${rate} Hz, window ${window}, ${linked ? "messages" : "shared memory"}`, () => {
        globalThis.sampleRate = rate;
        const { blocks, dropped, reported } = played(window, hop, linked);
        assert.deepEqual([dropped, reported.missed], [0, 0]);
        const begin = blocks.findIndex((block) => block.some(Boolean));
        assert.ok(Math.abs(begin - rate / 2 / BLOCK) <= 1 + (2 * (window + hop)) / BLOCK);
        const [first] = blocks[begin];
        assert.equal((begin + 1) * BLOCK - first, reported.behind); // the latency that is shown is the one there is
        assert.ok(reported.behind <= window + hop + 4 * BLOCK);
        const heard = blocks.slice(begin).flatMap((block) => [...block]);
        assert.ok(heard.every((sample, n) => Math.abs(sample - first - n) < 0.1));
      });

test("a worker that cannot be loaded fails every call, also those that come later", async () => {
  globalThis.document = { baseURI: "http://localhost/" };
  let worker;
  globalThis.Worker = class {
    constructor() {
      worker = this;
    }
    postMessage() {}
  };
  const { Client } = await import("../src/client.js");
  const client = new Client();
  const early = assert.rejects(client.call("load", []), /could not be loaded/);
  worker.onerror({ message: "worker.js could not be loaded" });
  await early;
  await assert.rejects(client.call("load", []), /could not be loaded/);
});

test("quoted cells of a table are one cell and stay as they are", () => {
  for (const [text, name] of [
    ['time,"a; b"\n0,1\n1,5\n2,3\n', "a; b"],
    ['t,remark,"say ""v"""\n0,"x, y",2.5\n1,z,1.5\n', 'say "v"'],
  ]) {
    const { columns, write, names } = readCsv(text);
    assert.deepEqual(names, [name]);
    assert.equal(write(columns), text);
  }
  const { columns, write } = readCsv('t,v\n0,"2.5"\n1,"1.5"\n');
  assert.deepEqual([...columns[0]], [2.5, 1.5]);
  assert.equal(write(columns), 't,v\n0,"2.5"\n1,"1.5"\n');
});

const VALUES = Array.from({ length: 40 }, (_, n) => Number((20 + Math.round(300 * Math.sin(n * n)) / 100 + 0.0031).toFixed(4)));
const lines = (make, header = [], end = "\n") => [...header, ...VALUES.map(make), ""].join(end);
const comma = (value) => String(value).replace(".", ",");

for (const [kind, text, name] of [
  ["units under the names", lines((x, n) => `${n / 4},${x}`, ["time,temp", "s,degC"]), "temp"],
  ["an oscilloscope's preamble", lines((x, n) => `${n / 4},${x}`, ["Model,SCOPE-1", "Points,40", "", "TIME,CH1"]), "CH1"],
  ["comments above the names", lines((x, n) => `${n / 4},${x}`, ["% board A", "% 4 Hz", "time,temp"]), "temp"],
  ["names behind a mark", lines((x, n) => `${n / 4},${x}`, ["# time,temp"]), "temp"],
  ["no names, and a time first", lines((x, n) => `${1.7e12 + 127 * n},${x}`), "column 2"],
  ["a time with a name of its own", lines((x, n) => `${n},${x}`, ["Uhrzeit,temp"]), "temp"],
  ["grouped digits after tabs", lines((x, n) => `10:${10 + n}\t1.0${comma(x)}`, ["when\twatts"]), "watts"],
  ["decimal commas after semicolons", lines((x, n) => `${n};${comma(x)}`, ["Nr;Temp, innen"]), "Temp, innen"],
  ["one column of decimal commas", lines((x) => comma(x), ["Temp"]), "Temp"],
  ["decimal commas under a name with one", lines((x) => `${comma(x)}e+00`, ["Temp, innen"]), "Temp, innen"],
  ["quoted decimal commas", lines((x, n) => `${n},"${comma(x)}"`, ["row,temp"]), "temp"],
  ["grouped digits", lines((x, n) => `${n};1.0${comma(x)}`, ["row;watts"]), "watts"],
  ["quoted grouped digits", lines((x, n) => `${n},"1,0${x}"`, ["row,watts"]), "watts"],
  ["carriage returns alone", lines((x, n) => `${n},${x}`, ["row,temp"], "\r"), "temp"],
  ["parts of a date", lines((x, n) => `2023,1,${1 + Math.floor(n / 24)},${n % 24},${x}`, ["YEAR,MO,DY,HR,T2M"]), "T2M"],
  ["a state beside the signal", lines((x, n) => `${x},${n % 7 ? 0 : 1},run`, ["temp,valve,note"]), "temp"],
  ["a byte order mark and quotation marks", lines((x, n) => `"${n}","${x}"`, ['\uFEFF"row","temp"'], "\r\n"), "temp"],
  ["names that are numbers", lines((x) => `${x},${x},${x}`, ["0,1,2"]), "0|1|2"],
  ["decimal commas between blanks", lines((x, n) => `${n} ${comma(x)}`, ["row temp"]), "temp"],
  ["a blank line above its names", lines((x, n) => `12:${10 + n} ${x}`, ["Recorder 3", "", "when temp"]), "temp"],
  ["digits grouped by hard blanks", lines((x, n) => `${n};1\u00a00${comma(x)}`, ["row;watts"]), "watts"],
  ["a count in another column", lines((x, n) => `${x},${n}`, ["temp,runs"]), "temp"],
  ["a count in two steps", lines((x, n) => `${x},${3 * ((n + 1) >> 3) + ((n + 5) >> 3)}`, ["temp,runs"]), "temp"],
  ["a lone inch mark", lines((x, n) => `${n},3" pipe,${x}`, ["row,note,temp"]), "temp"],
])
  test(`a table with ${kind} is read, and comes back as it was`, () => {
    const { names, columns, write } = readCsv(text);
    assert.deepEqual(names, name.split("|"));
    const offset = kind.includes("grouped") ? 1000 : 0;
    assert.deepEqual([...columns[0]], VALUES.map((value) => Number((value + offset).toFixed(4))));
    assert.equal(write(columns), text);
    const other = write(columns.map((column) => column.map((value) => value + 1)));
    assert.deepEqual([...readCsv(other).columns[0]], VALUES.map((value) => Number((value + offset + 1).toFixed(4))));
  });

const wave = (n) => Math.round(300 * Math.sin(n * n + 1)) / 100;
for (const [kind, make, moved, expected] of [
  ["two decimals", (n) => `${n},${(20 + wave(n)).toFixed(2)}`, 1 / 3, "0,22.853"],
  ["whole numbers in a comma table", (n) => `${n},${Math.round(20 + 3 * wave(n))}`, 1 / 3, "0,28.3"],
  ["whole numbers in a semicolon table", (n) => `${n};${Math.round(20 + 3 * wave(n))}`, 1 / 3, "0;28"],
  ["exponents", (n) => `${n},${((20 + wave(n)) * 1e-6).toExponential(2).replace("e-5", "E-05")}`, 1e-6, "0,2.350E-05"],
  ["plus signs", (n) => `${n},+${(20 + wave(n)).toFixed(1)}`, 1 / 3, "0,+22.83"],
  ["15 digits", (n) => `${n},${(20 + wave(n) / 7).toFixed(14)}`, 1 / 3, "0,20.6933333333333"],
  ["thousands that need quotation marks", (n) => (n ? `${n},"1,00${n % 7}.50"` : "0,999.50"), 1, '0,"1,000.500"'],
])
  test(`a denoised table of ${kind} has the digits that the program writes`, () => {
    const { columns, write } = readCsv(["row,watts", ...Array.from({ length: 90 }, (_, n) => make(n)), ""].join("\n"));
    assert.equal(write(columns.map((column) => column.map((value) => value + moved))).split("\n")[1], expected);
  });

for (const [kind, text, words] of [
  [
    "numbers that have two readings",
    lines((x, n) => `${n};${n % 2 ? 994 - ((n * n) % 17) : `1.0${10 + ((n * n * 7) % 80)}`}`, ["row;watts"]),
    /line 2, column 'watts': '1\.010' beside '993' can be read as 1\.010 or as 1010; .*--decimal/,
  ],
  [
    "pairs without a name",
    lines((x) => `${Math.trunc(x)},${Math.round(10 * x) % 10}`),
    /'20,0' can be one number with a decimal comma or two columns; .*--decimal , or --delimiter ,/,
  ],
  [
    "unquoted decimal commas under half as many names",
    lines((x) => `${comma(x)} %,${comma(x + 1)} %`, ["in,out"]),
    /line 1: 2 names above rows of 4 fields, as if commas were decimal marks too; quote such numbers/,
  ],
  [
    "decimal commas that bars part",
    lines((x, n) => `${n}|T:20.${10 + n}|p:15,0${10 + n}`),
    /line 1: '0\|T:20\.10\|p:15,010' can be split at ',' or at '\|'; .*--delimiter , or --delimiter '\|'/,
  ],
  [
    "decimal commas before words",
    lines((x) => `${comma(x)} open door`),
    /line 1: '20,0031 open door' can be split at ',' or at space; .*--delimiter , or --delimiter space/,
  ],
  [
    "unquoted decimal commas without names",
    lines((x, n) => `${n},2,0${n % 10},3,1${n % 10}`),
    /'00' looks like the digits after a decimal comma, but commas delimit the fields as well; quote such numbers/,
  ],
  [
    "a list of files",
    lines((x, n) => `${"abcdefghijklmno"[n % 15]}${"pqrstuv"[n % 7]}.wav,${x}`, ["file,bytes"]),
    /every row has a name of its own in column 'file' .*--columns 'bytes'/,
  ],
  [
    "several series at once",
    lines((x, n) => `${n >> 1},${n % 2 ? "in" : "out"},${x + 90 * (n % 2)}`, ["time,sensor,temp"]),
    /rows of several series alternate, named by column 'sensor' \(out, in\).*--series-column 'sensor'/,
  ],
  [
    "series one below the other",
    lines((x, n) => `${n % 20},${n < 20 ? "out" : "in"},${x + (n < 20 ? 0 : 90)}`, ["time,sensor,temp"]),
    /rows of several series follow each other, named by column 'sensor' \(out, in\).*--series-column 'sensor'/,
  ],
  [
    "signals that lie in rows",
    `${Array.from({ length: 30 }, (_, n) => Array.from({ length: 40 }, (_, at) => Math.sin(at / 5 + n * n).toFixed(3))).join("\n")}\n`,
    /each row looks like a signal of its own of 40 values; transpose the table/,
  ],
  [
    "a row for each day",
    `${Array.from({ length: 24 }, (_, n) => `${n}:00`)}\n${lines((x, n) => Array.from({ length: 24 }, (_, at) => x + ((n * at) % 7)))}`,
    /each row looks like a signal of its own of 24 values; transpose the table/,
  ],
  [
    "one signal in rows of five",
    `${Array.from({ length: 40 }, (_, n) => Array.from({ length: 5 }, (_, at) => Math.sin((5 * n + at) / 9).toFixed(3))).join("\n")}\n`,
    /one signal seems to go on from row to row in 5 columns; write one value in each line/,
  ],
  [
    "blocks that blank lines part",
    [0, 50, 100].map((base) => lines((x, n) => `${n / 10} ${base + x}`)).join("\n\n"),
    /another series begins below line 40, where the time starts again and the values jump/,
  ],
  [
    "sweeps that follow each other",
    lines((x, n) => `${n % 20},${(n % 20) ** 3 + x}`, ["volts,amps"]),
    /another series begins below line 21, where the time starts again and the values jump/,
  ],
  [
    "series one below the other with times of their own",
    lines((x, n) => `2024-05-01T10:${10 + (n % 20)}:0${n >> 4},${n < 20 ? "out" : "in"},${x + (n < 20 ? 0 : 90)}`, ["time,id,v"]),
    /rows of several series follow each other, named by column 'id'/,
  ],
  [
    "sentences with checksums",
    lines((x, n) => `$GPGGA,${100000 + n},${x},M*${(16 + n).toString(16)}`),
    /every row ends in a checksum/,
  ],
  [
    "another table above it",
    lines((x, n) => `${n},${x},${x + 1}`, VALUES.slice(0, 25).map((x, n) => `${n},${x}`)),
    /the file holds two tables: rows of 2 fields from line 1 on, of 3 from line 26 on/,
  ],
])
  test(`a table of ${kind} is refused, as the program refuses it`, () => {
    assert.throws(() => readCsv(text), words);
  });

for (const [kind, make, moved] of [
  ["degrees", (n, x) => `${n},${x}°C`, "3,18.703°C"],
  ["a unit behind a blank", (n, x) => `${n},${x} V AC`, "3,18.703 V AC"],
  ["a unit behind a decimal", (n, x) => `${n},${x}mV`, "3,18.703mV"],
  ["euros and decimal commas", (n, x) => `${n};${x}\u00a0€`.replace(".", ","), "3;18,703\u00a0€"],
  ["percent and decimal commas alone", (n, x) => `${x} %`.replace(".", ","), "18,703 %"],
  ["quoted dollars", (n, x) => `${n},"$1,0${x}"`, '3,"$1,018.703"'],
  ["dollars below a thousand", (n, x) => `${n},${n % 9 ? `$9${x > 20 ? 79 : 99}.90` : `"$1,0${x}"`}`, '3,"$1,000.233"'],
  ["blanks in the quotation marks", (n, x) => `${n}," ${x} V "`, '3," 18.703 V "'],
  ["a label", (n, x) => `ch1:${x} seq:${n}`, "ch1:18.703 seq:3"],
  ["a label behind a time", (n, x) => `10:${10 + (n % 50)}:00;temp = ${x} °C`, "10:13:00;temp = 18.703 °C"],
  ["a unit of seconds beside it", (n, x) => `${n / 4} s,${x} V`, "0.75 s,18.703 V"],
])
  test(`numbers with ${kind} attached are read and written, and what is attached stays`, () => {
    const text = `${Array.from({ length: 90 }, (_, n) => make(n, (20 + wave(n)).toFixed(2))).join("\n")}\n`;
    const { columns, names, write } = readCsv(text);
    assert.equal(names.length, 1);
    assert.ok(columns[0].every(Number.isFinite));
    assert.equal(write(columns), text);
    const rows = write(columns.map((column) => column.map((value) => value + 1 / 3))).split("\n");
    assert.equal(rows[3], moved);
  });

test("labels name columns without names, and seconds behind the numbers of a time tell the rate", () => {
  assert.deepEqual(readCsv(lines((x, n) => `temp:${x} CO2:${x * 2} seq:${n}`)).names, ["temp", "CO2"]);
  assert.equal(readCsv(lines((x, n) => `${n / 4} s,${x} V`, ["t,u"])).sampleRateHz, 4);
  assert.equal(readCsv(lines((x, n) => `${250 * n} ms,${x} V`, ["t,u"])).sampleRateHz, 0);
});

test("cells that lack what is attached to the others stay as they are", () => {
  const other = ["0.02 V", "21.5", "-", "", "OVER"];
  const text = lines((x, n) => `${n},${other[n - 20] ?? `${x} mV`}`, ["row,u"]);
  const { columns, write } = readCsv(text);
  assert.deepEqual([...columns[0].keys()].filter((n) => Number.isNaN(columns[0][n])), [20, 21, 22, 23, 24]);
  const rows = write(columns.map((column) => column.map(() => 1))).split("\n").slice(21, 26);
  assert.deepEqual(rows, other.map((cell, n) => `${n + 20},${cell}`));
});

test("a unit is found below the name of a short table, and in decimal commas that can be no two numbers", () => {
  const cells = VALUES.slice(0, 6).map((x, n) => `${n};${x} mV`);
  assert.deepEqual(readCsv(`row;u\n${cells.join("\n")}\n`).names, ["u"]);
  for (const cell of ["20,5V", "temp:20,5"]) assert.equal(readCsv(`${cell}\n`.repeat(40)).columns[0][0], 20.5);
  for (const cell of ["20,5 °C", "$20,5"]) assert.throws(() => readCsv(`${cell}\n`.repeat(40)), /one number with a decimal comma/);
});

for (const [kind, make] of [
  ["names of a number and a letter", (x, n) => `${n},${x},${10 + ((n * n) % 7)}A`],
  ["two units in turn", (x, n) => `${n},${x},${x} ${n % 2 ? "mV" : "V"}`],
  ["words that are no units", (x, n) => `${n},${x},${10 + ((n * n) % 7)} pts`],
  ["a label beside numbers without one", (x, n) => `${n},${x},node:${10 + ((n * n) % 7)}`],
])
  test(`${kind} stay text`, () => {
    assert.deepEqual(readCsv(lines(make, ["row,v,x"])).names, ["v"]);
  });

test("three digits behind a mark are a fraction where nothing says otherwise", () => {
  const text = lines((x, n) => `${n};2.${900 + ((n * n) % 97)};-0.${400 + ((n * n) % 83)}`, ["row;a;b"]);
  const { columns } = readCsv(text);
  assert.deepEqual(columns.map((column) => column[1]), [2.901, -0.401]);
});

for (const marker of ["-9999", "-9.99", "1e30", "-1.0E31", "-32768"])
  test(`${marker}, which instruments write for a missing value, is none, and stays`, () => {
    const text = lines((x, n) => `${n},${n % 9 ? x : marker}`, ["row,temp"]);
    const { columns, write } = readCsv(text);
    assert.ok(Number.isNaN(columns[0][9]));
    assert.equal(write(columns.map((column) => column.map((value) => value || 20))), text);
  });

test("events, codes, setpoints, uncertainties and totals that start again stay", () => {
  const rain = (x, n) => (n % 13 === 4 ? (0.2 * (1 + (n % 3))).toFixed(1) : "0.0");
  const names = "n,temp,temp_err,rain,Trigger,room_setpoint,day_total";
  const row = (x, n) => [n, x, Math.abs(x), rain(x, n), 7 * ((n * n) % 23), x, (n % 150) ** 2].join(",");
  const table = (make) => Array.from({ length: 300 }, (_, n) => make(VALUES[n % 40], n)).join("\n");
  assert.deepEqual(readCsv(`${names}\n${table(row)}`).names, ["temp"]);
  const signed = table((x, n) => `${n},${x},${(x - 20).toFixed(4)}`);
  assert.deepEqual(readCsv(`n,temp,temp_err\n${signed}`).names, ["temp", "temp_err"]);
});

test("directions that jump over the end of the circle stay; others, and angles without a jump, are signals", () => {
  const angle = (n, middle) => Math.round((middle + 5 * wave(n) + 360) % 360);
  for (const name of ["wind_dir", "WindDir", "WD1", "Heading (deg)", "Phase [°]", "dd"])
    assert.deepEqual(readCsv(lines((x, n) => `${n},${x},${angle(n, 0)}`, [`n,temp,${name}`])).names, ["temp"]);
  assert.deepEqual(readCsv(lines((x, n) => `${n},${x},${angle(n, 0)}°`, ["n,temp,a"])).names, ["temp"]);
  assert.deepEqual(readCsv(lines((x, n) => `${n},${x},${angle(n, 180)}`, ["n,temp,wd"])).names, ["temp", "wd"]);
  assert.deepEqual(readCsv(lines((x, n) => `${n},${x},${angle(n, 0)}`, ["n,temp,added"])).names, ["temp", "added"]);
});

test("of series beside each other, the longer one keeps its end", () => {
  const text = lines((x, n) => `${n},${x},${n},${-x}`, ["t1,a,t2,b"]) + ",,40,-20.5\n";
  const all = readCsv(text).columns.map((column) => column.length);
  assert.deepEqual(all, readCsv(text.replace(/,,40.*\n/, "")).columns.map((column) => column.length + 1));
});

test("what only resembles events, codes, setpoints and uncertainties is denoised", () => {
  const names = "n,temp,temp_std,common_mode,room_setpoint_error,coarse";
  const wave = (n) => Math.round(500 + 200 * Math.sin(n / 7) + ((n * n) % 41));
  const coarse = (n) => (20.5 + (n % 7 ? 0 : 0.1) + (n === 100 ? 1 : 0)).toFixed(1);
  const row = (n) => [n, VALUES[n % 40], 300 + ((n * n) % 97) / 7, wave(n), VALUES[n % 40] - 20, coarse(n)].join(",");
  const text = `${names}\n${Array.from({ length: 300 }, (_, n) => row(n)).join("\n")}`;
  assert.deepEqual(readCsv(text).names, names.split(",").slice(1));
});

test("-999 is missing whatever a total or a glitch holds", () => {
  const row = (x, n) => `2024-05-01 10:${10 + (n % 50)},${n === 7 ? -999 : (1000 + Number(x)).toFixed(2)}`;
  for (const [glitch, total] of [["", ",50000000.00\n"], ["2024-05-01 11:00,50000000.00\n", ""]]) {
    const text = lines(row, ["when,pressure"]) + glitch + lines(row).repeat(4) + total;
    assert.ok(Number.isNaN(readCsv(text).columns[0][7]));
  }
});

test("the last rows without a time are totals and stay; where more lack it, they are samples", () => {
  const stamped = lines((x, n) => `2024-05-01 ${10 + Math.floor(n / 60)}:${10 + (n % 50)},${x}`, ["when,temp"]);
  for (const [count, kept] of [[1, 0], [5, 0], [6, 6]]) {
    const text = stamped + ",8012.5\n".repeat(count);
    const { columns, write } = readCsv(text);
    assert.equal(columns[0].length, readCsv(stamped).columns[0].length + kept);
    const made = write(columns.map((column) => column.map(() => 1)));
    assert.equal(made.endsWith(",8012.5\n".repeat(count)), !kept);
  }
});

test("cells that are empty at regular places are left out of the series, and stay empty", () => {
  const text = `row,temp,other\n${VALUES.map((x, n) => (n % 2 ? `${n},,${x}` : `${n},${x},`)).join("\n")}\n`;
  const { names, columns, write } = readCsv(text);
  assert.deepEqual(names, ["temp", "other"]);
  assert.deepEqual([...columns[1]], VALUES.filter((_, n) => n % 2).map((value) => Number(value.toFixed(4))));
  assert.equal(write(columns), text);
});

test("text is decoded by its mark, as UTF-8, or as Windows-1252", () => {
  assert.equal(decodeText(Uint8Array.of(255, 254, 97, 0, 228, 0)), "aä");
  assert.equal(decodeText(new TextEncoder().encode("°C")), "°C");
  assert.equal(decodeText(Uint8Array.of(176, 67)), "°C");
});

test("axes are labelled at round places, and not more than asked for", () => {
  assert.deepEqual(ticks(8000, 4), { places: [2000, 4000, 6000], digits: 0 });
  assert.deepEqual(ticks(24000, 4).places, [10000, 20000]);
  assert.deepEqual(ticks(0.05, 5).digits, 2);
  for (const end of [0.003, 1, 7, 599, 1e6]) for (const most of [1, 4, 9]) assert.ok(ticks(end, most).places.length <= most);
});

test("what was removed is told as the program tells it", () => {
  const noisy = Float64Array.of(101325.1, 101324.9, NaN, 101325.1, 101324.9);
  assert.equal(removedShare(noisy, noisy), "hardly any");
  assert.equal(removedShare(noisy, noisy.map((x) => 101325 + (x - 101325) / 2)), "50 %");
  assert.equal(removedShare(noisy, noisy.map((x) => 101325 + (x - 101325) * 0.96)), "4.0 %");
  assert.equal(removedShare(Float32Array.of(1, 1), Float32Array.of(1, 1)), "–");
});
