/** Play a recording, before and after at once, and switch between them without a gap. */

const FADE_S = 0.02;

export class Player {
  /** @param {{ noisy: Float32Array[], clean: Float32Array[], sampleRateHz: number }} recording */
  constructor(recording, onEnd) {
    this._recording = recording;
    this._onEnd = onEnd;
    this._mix = 1;
    this._context = null;
  }

  get playing() {
    return this._context !== null;
  }

  /** Where the sound is, 0 to 1. */
  get position() {
    if (!this._context) return 0;
    return Math.min(1, Math.max(0, (this._context.currentTime - this._started) / this._duration));
  }

  async play() {
    const { noisy, clean, sampleRateHz } = this._recording;
    this._context = new AudioContext();
    this._gains = [noisy, clean].map((channels, number) => {
      const buffer = this._context.createBuffer(channels.length, channels[0].length, sampleRateHz);
      channels.forEach((samples, channel) => buffer.copyToChannel(new Float32Array(samples), channel));
      const source = new AudioBufferSourceNode(this._context, { buffer });
      const gain = new GainNode(this._context, { gain: number ? this._mix : 1 - this._mix });
      source.connect(gain).connect(this._context.destination);
      return { source, gain };
    });
    this._duration = noisy[0].length / sampleRateHz;
    await this._context.resume();
    this._started = this._context.currentTime + 0.05;
    for (const { source } of this._gains) source.start(this._started);
    this._gains[1].source.onended = () => this.stop();
  }

  /** 1: denoised, 0: original. */
  setMix(mix) {
    this._mix = mix;
    this._gains?.forEach(({ gain }, number) =>
      gain.gain.setTargetAtTime(number ? mix : 1 - mix, this._context?.currentTime ?? 0, FADE_S / 3),
    );
  }

  stop() {
    if (!this._context) return;
    const context = this._context;
    this._context = this._gains = null;
    context.close();
    this._onEnd();
  }
}
