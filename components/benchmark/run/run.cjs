"use strict";
// Runs a benchmark: `run.cjs measure|remove` in the project's folder, with the request as JSON in TALOS_MESH_BENCHMARK and
// the kubeconfig on standard input. Called by a Pulumi Command and by the embedded engine.
require("../../shared/step/process.cjs").runInWorker(__filename, () => require("./main.ts"));
