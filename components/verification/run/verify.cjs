"use strict";
// Runs a verification: `verify.cjs verify|remove` in the project's folder, with the request as JSON in TALOS_MESH_VERIFICATION
// and the kubeconfig, the plan and the keys as JSON on standard input. Called by a Pulumi Command.
require("../../shared/step/process.cjs").runInWorker(__filename, () => require("./main.ts"));
