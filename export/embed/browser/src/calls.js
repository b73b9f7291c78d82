/** A thread's side of the calls of client.js. */

/** Answer the page's calls of these functions, with what they return or with what went wrong. */
export function answerCalls(functions) {
  self.onmessage = async ({ data: { id, call, values } }) => {
    try {
      self.postMessage({ id, result: await functions[call](...values) });
    } catch (error) {
      self.postMessage({ id, error: inWords(error) });
    }
  };
}

/** Return what went wrong; the thrown value need not be an Error, as WebAssembly aborts with bare numbers. */
export function inWords(error) {
  return String(error?.message ?? error);
}
