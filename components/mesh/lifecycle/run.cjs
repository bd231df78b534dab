"use strict";
// Runs a step of the mesh's life cycle: `run.cjs STEP` in the project's folder, with the request as JSON in MESH_STEP and
// the kubeconfig on standard input. Called by a Pulumi Command and by the embedded engine.
require("../../shared/step/process.cjs").run(() => require("./main.ts"));
