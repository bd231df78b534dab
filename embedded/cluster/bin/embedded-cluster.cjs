"use strict";
// Runs the embedded control plane: `embedded-cluster.cjs up|delete|status` in the project's folder, with the cluster
// described by TALOS_MESH_CLUSTER. Called by a Pulumi command and by the embedded runner.
require("../../../cli/bin/register.cjs");
const { main } = require("../main.ts");

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
