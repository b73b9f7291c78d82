/**
 * Read the metadata of an ONNX file from its bytes.
 *
 * onnxruntime-web does not show a model's metadata, so this reads the protobuf: in ModelProto, field 14 holds
 * entries of key (1) and value (2), both strings.
 */

const METADATA = 14;
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * Read the metadata of an ONNX file.
 *
 * @param {Uint8Array} bytes the whole file
 * @returns {Record<string, string>}
 * @throws {Error} if the bytes are no protobuf
 */
export function readMetadata(bytes) {
  const metadata = {};
  for (const entry of fields(bytes, METADATA)) {
    const [key] = fields(entry, 1);
    const [value] = fields(entry, 2);
    metadata[text(key)] = text(value);
  }
  return metadata;
}

const text = (bytes) => new TextDecoder().decode(bytes ?? new Uint8Array());

/** Return the contents of one field of a message, as often as it occurs; skip all others. */
function fields(bytes, wanted) {
  const found = [];
  let at = 0;

  function varint() {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new Error("the file ends in the middle of a number");
  }

  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === VARINT) {
      varint();
      continue;
    }
    const length = kind === BYTES ? varint() : { [FIXED64]: 8, [FIXED32]: 4 }[kind];
    if (length === undefined || at + length > bytes.length)
      throw new Error("the file is no ONNX file, or is cut short");
    if (kind === BYTES && Math.floor(tag / 8) === wanted) found.push(bytes.subarray(at, at + length));
    at += length;
  }
  return found;
}
