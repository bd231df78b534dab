"use strict";
// Runs a benchmark: `run.cjs measure|remove` in the project's folder, with what it is told as JSON in
// TALOS_MESH_BENCHMARK, and the kubeconfig on standard input. Called by a Pulumi command and by the embedded runner.
require("../../../lab/bin/register.cjs");
const { main } = require("./main.ts");

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  });
}

main(process.argv[2], process.env, process.stdin, stop.signal).then((code) => {
  process.exitCode = code;
});
