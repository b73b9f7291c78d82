/**
 * Bundle the page into dist/: a folder that any static file server can serve.
 *
 *     node build.mjs [folder of modules that `denoise-export MODEL --wasm` wrote]
 */

import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../../..");
const dist = join(here, "dist");
const modules = process.argv[2] ?? join(here, "../node/wasm");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
await build({
  absWorkingDir: here,
  entryPoints: {
    ...Object.fromEntries(["page", "worker", "onnx", "transport"].map((name) => [name, `src/${name}.js`])),
    worklet: join(root, "export/denoise_export/to_wasm/worklet.js"),
  },
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
for (const name of readdirSync(modules).filter((name) => name.endsWith(".wasm")))
  copyFileSync(join(modules, name), join(dist, name));
copyFileSync(join(here, "index.html"), join(dist, "index.html"));
copyFileSync(join(root, "samples/speech_noisy.wav"), join(dist, "example.wav"));
copyFileSync(join(root, "LICENSE"), join(dist, "LICENSE"));

// Compressed copies, for servers that send them where the browser accepts it.
for (const name of readdirSync(dist).filter((name) => /\.(js|css|html|svg|wasm|wav)$/.test(name)))
  writeFileSync(
    join(dist, `${name}.gz`),
    gzipSync(readFileSync(join(dist, name)), { level: constants.Z_BEST_COMPRESSION }),
  );
