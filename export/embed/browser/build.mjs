/** Bundle the page into dist/: a folder that any static file server can serve. */

import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../../..");
const dist = join(here, "dist");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
await build({
  absWorkingDir: here,
  entryPoints: ["page", "worker", "worklet"].map((name) => `src/${name}.js`),
  outdir: "dist",
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  logLevel: "warning",
});
for (const name of ["style.css", "icon.svg"]) copyFileSync(join(here, name), join(dist, name));
const runtime = join(here, "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm");
copyFileSync(runtime, join(dist, "runtime.wasm"));
const models = join(root, "stream/denoise_stream/models");
const files = readdirSync(models).filter((file) => file.endsWith(".onnx"));
for (const file of files) copyFileSync(join(models, file), join(dist, file));
const options = files.map((file) => basename(file, ".onnx")).map((name) => `<option value="${name}">${name}</option>`);
const page = readFileSync(join(here, "index.html"), "utf8").replace("<!-- models -->", options.sort().join(""));
writeFileSync(join(dist, "index.html"), page);
copyFileSync(join(root, "samples/speech_noisy.wav"), join(dist, "example.wav"));
copyFileSync(join(root, "LICENSE"), join(dist, "LICENSE"));

// Compressed copies, for servers that send them where the browser accepts it.
for (const name of readdirSync(dist).filter((name) => /\.(js|css|html|svg|wasm|onnx)$/.test(name)))
  writeFileSync(
    join(dist, `${name}.gz`),
    gzipSync(readFileSync(join(dist, name)), { level: constants.Z_BEST_COMPRESSION }),
  );
