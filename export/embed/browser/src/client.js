/** The page's side of the worker: calls with answers, and reports while they last. */

export class Client {
  /** @param {string} script of the thread */
  constructor(script = "worker.js") {
    this._worker = new Worker(new URL(script, document.baseURI), { type: "module" });
    this._waiting = new Map();
    this._count = 0;
    this._failed = null;
    this.onLive = () => {};
    this.onProgress = () => {};
    this.onFailure = () => {};
    this._worker.onmessage = ({ data }) => this._receive(data);
    this._worker.onerror = (event) => {
      this._failed = new Error(event.message || "The denoising thread failed; reload the page.");
      for (const { reject } of this._waiting.values()) reject(this._failed);
      this._waiting.clear();
    };
  }

  /** Call a function of the thread. */
  call(name, values, transfer = []) {
    if (this._failed) return Promise.reject(this._failed);
    return new Promise((resolve, reject) => {
      this._count += 1;
      this._waiting.set(this._count, { resolve, reject });
      this._worker.postMessage({ id: this._count, call: name, values }, transfer);
    });
  }

  _receive({ id, result, error, live, progress, failure }) {
    if (failure) this.onFailure(failure);
    else if (live) this.onLive(live);
    else if (progress !== undefined) this.onProgress(progress);
    else {
      const { resolve, reject } = this._waiting.get(id);
      this._waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    }
  }
}
