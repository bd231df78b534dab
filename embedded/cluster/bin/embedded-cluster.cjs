"use strict";
// Runs the embedded control plane: `embedded-cluster.cjs up|delete|status` in the project's folder, with the cluster
// described by TALOS_MESH_CLUSTER. Run by a Pulumi command and by the embedded engine.
const { run } = require("../../../components/shared/step/process.cjs");

run(() => require("../main.ts"));
