/** Check a model's metadata and return its contract. */

/** A model file breaks the contract; the message names the key, the value found and the value needed. */
export class ContractError extends Error {
  name = "ContractError";
}

/**
 * Check the metadata of a model.
 *
 * @param {Record<string, string>} metadata from an ONNX file, or the facts of `model.json`
 * @param {string} file name of the file, for messages
 * @returns {import("../index.js").Contract}
 */
export function readContract(metadata, file) {
  function value(key, needed) {
    if (metadata[key] === undefined)
      throw new ContractError(`${file}: metadata key '${key}' is missing; needed: ${needed}`);
    return String(metadata[key]);
  }
  function wholeNumber(key, low, high) {
    const needed = `a whole number from ${low} to ${high}`;
    const found = value(key, needed);
    const number = /^\d+$/.test(found) ? Number(found) : NaN;
    if (!(number >= low && number <= high))
      throw new ContractError(`${file}: metadata ${key}='${found}'; needed: ${needed}`);
    return number;
  }

  /** Read the scales of a context, such as "5x30,25x30": blocks of 5 samples, 30 of them, and of 25. */
  function scales(key) {
    const found = String(metadata[key] ?? "");
    const blocks = found.split(",").filter(Boolean);
    if (!blocks.every((part) => /^[1-9]\d*x[1-9]\d*$/.test(part)))
      throw new ContractError(
        `${file}: metadata ${key}='${found}'; needed: SIZExCOUNT of blocks with commas, such as '5x30,25x30'`,
      );
    return blocks.map((part) => part.split("x").map(Number)).map(([size, count]) => ({ size, count }));
  }

  const version = value("contract_version", "'1' or '2'");
  if (version !== "1" && version !== "2")
    throw new ContractError(`${file}: metadata contract_version='${version}'; needed: '1' or '2'`);
  const kind = String(metadata.kind ?? "signal");
  if (kind !== "signal") throw new ContractError(`${file}: metadata kind='${kind}'; needed: 'signal'`);
  const window = wholeNumber("window", 2, 65536);
  const hop = wholeNumber("hop", 1, window);
  const normalization = value("normalization", "'minmax' or 'none'");
  if (normalization !== "minmax" && normalization !== "none")
    throw new ContractError(`${file}: metadata normalization='${normalization}'; needed: 'minmax' or 'none'`);
  const rate = value("sample_rate_hz", "a rate in Hz or 'any'");
  if (rate !== "any" && !(Number(rate) > 0 && Number.isFinite(Number(rate))))
    throw new ContractError(`${file}: metadata sample_rate_hz='${rate}'; needed: a rate in Hz or 'any'`);
  const stateSize = metadata.state_size === undefined ? 0 : wholeNumber("state_size", 0, 2 ** 24);
  const [contextPast, contextAhead] = version === "2" ? ["context_past", "context_ahead"].map(scales) : [[], []];
  if (version === "2" && (normalization !== "minmax" || stateSize || !(contextPast.length + contextAhead.length)))
    throw new ContractError(
      `${file}: metadata contract_version='2'; needed with it: normalization='minmax', state_size='0', context_past='5x30'`,
    );
  return {
    name: value("name", "the model's name"),
    window,
    hop,
    normalization,
    sampleRateHz: rate === "any" ? null : Number(rate),
    stateSize,
    contextPast,
    contextAhead,
    mostLookaheadSamples: reach(contextAhead),
    license: String(metadata.license ?? ""),
    trainedOn: String(metadata.trained_on ?? ""),
  };
}

/** Return how many samples from a window scales of its context reach. */
export const reach = (scales) => Math.max(0, ...scales.map(({ size, count }) => size * count));

/** Return the length of a window's context: a mean and a known share of each block. */
export const contextSize = ({ contextPast, contextAhead }) =>
  2 * [...contextPast, ...contextAhead].reduce((sum, { count }) => sum + count, 0);

/** Check that a session has the inputs and outputs that the contract asks for. */
export function checkTensors(contract, session, file) {
  const [stateful, context] = [contract.stateSize > 0, contextSize(contract)];
  for (const [side, found, needed] of [
    ["inputs", session.inputNames, [...(context ? ["context"] : []), "noisy", ...(stateful ? ["state"] : [])]],
    ["outputs", session.outputNames, stateful ? ["clean", "state_out"] : ["clean"]],
  ])
    if ([...found].sort().join() !== needed.join())
      throw new ContractError(
        `${file}: the graph's ${side} are ${found.join(", ")}; needed: ${needed.join(", ")} ` +
          `(state_size=${contract.stateSize}, context_size=${context})`,
      );
}
