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

  const version = value("contract_version", "'1'");
  if (version !== "1") {
    const why = version === "2" ? " (models of version 2 take a context, which is not known here)" : "";
    throw new ContractError(`${file}: metadata contract_version='${version}'; needed: '1'${why}`);
  }
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
  return {
    name: value("name", "the model's name"),
    window,
    hop,
    normalization,
    sampleRateHz: rate === "any" ? null : Number(rate),
    stateSize: metadata.state_size === undefined ? 0 : wholeNumber("state_size", 0, 2 ** 24),
    license: String(metadata.license ?? ""),
    trainedOn: String(metadata.trained_on ?? ""),
  };
}

/** Check that a session has the inputs and outputs that the contract asks for. */
export function checkTensors(contract, session, file) {
  const stateful = contract.stateSize > 0;
  for (const [side, found, needed] of [
    ["inputs", session.inputNames, stateful ? ["noisy", "state"] : ["noisy"]],
    ["outputs", session.outputNames, stateful ? ["clean", "state_out"] : ["clean"]],
  ])
    if ([...found].sort().join() !== needed.join())
      throw new ContractError(
        `${file}: the graph's ${side} are ${found.join(", ")}; needed: ${needed.join(", ")} (state_size=${contract.stateSize})`,
      );
}
