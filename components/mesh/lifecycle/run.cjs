"use strict";
// Runs a step of the mesh's life cycle: `run.cjs STEP` in the project's folder, with what it is told as JSON in MESH_STEP,
// and the kubeconfig on standard input. Called by a Pulumi command and by the embedded runner.
require("../../../cli/bin/register.cjs");
const { main } = require("./main.ts");

main(process.argv[2], process.env, process.stdin).then((code) => {
  process.exitCode = code;
});
