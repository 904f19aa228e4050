// Run a TensorFlow.js graph model of one image input on the reference CPU backend.
//
//   node reference_outputs.mjs nanodet.json input.bin output-folder
//
// input.bin: float32, (1, 3, 416, 416). For every output of the model, NAME.bin (float32) is
// written to the folder. Needs npm @tensorflow/tfjs 4.22.0 where Node can resolve it.

import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";

// Resolved from the working directory, so that the project need not hold node_modules.
const require = createRequire(path.join(process.cwd(), "package.json"));
const tf = require("@tensorflow/tfjs");

const INPUT_SHAPE = [1, 3, 416, 416];

async function loadModel(graphPath) {
  const graph = JSON.parse(await readFile(graphPath, "utf8"));
  const parts = [];
  for (const group of graph.weightsManifest) {
    for (const name of group.paths) {
      parts.push(await readFile(path.join(path.dirname(graphPath), name)));
    }
  }
  const joined = Buffer.concat(parts);
  return tf.loadGraphModel(
    tf.io.fromMemory({
      modelTopology: graph.modelTopology,
      weightSpecs: graph.weightsManifest.flatMap((group) => group.weights),
      weightData: joined.buffer.slice(joined.byteOffset, joined.byteOffset + joined.byteLength),
      signature: graph.signature,
    }),
  );
}

async function readInput(inputPath) {
  const bytes = await readFile(inputPath);
  return tf.tensor(new Float32Array(new Uint8Array(bytes).buffer), INPUT_SHAPE);
}

const [graphPath, inputPath, outputFolder] = process.argv.slice(2);
await tf.setBackend("cpu");
const model = await loadModel(graphPath);
const names = model.outputs.map((output) => output.name);
const tensors = model.execute(await readInput(inputPath), names);
for (const [index, name] of names.entries()) {
  const values = await tensors[index].data();
  const file = path.join(outputFolder, `${name.replace(/:\d+$/, "")}.bin`);
  await writeFile(file, Buffer.from(values.buffer, values.byteOffset, values.byteLength));
}
