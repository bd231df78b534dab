"use strict";
// Runs a benchmark: `run.cjs measure|remove` in the project's folder, with what it is told as JSON in
// TALOS_MESH_BENCHMARK, and the kubeconfig on standard input. Called by a Pulumi command and by the embedded runner.
//
// Pulumi ends the command of a cancelled deployment with SIGKILL, which leaves no time to clean up. So the work is done by
// a child in a process group of its own, which sees its parent go, and stops as it does on Ctrl-C.
const { fork } = require("node:child_process");

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];

if (process.send === undefined) watch();
else work();

function watch() {
  const worker = fork(__filename, process.argv.slice(2), { detached: true });
  for (const signal of signals) process.on(signal, () => worker.kill(signal));
  worker.on("exit", (code, signal) => {
    if (code === null) process.stderr.write(`benchmark: ended by ${signal}; the same command goes on behind it\n`);
    process.exitCode = code ?? 1;
  });
}

function work() {
  require("../../../lab/bin/register.cjs");
  const { main } = require("./main.ts");
  const stop = new AbortController();
  for (const signal of signals) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort();
    });
  }
  process.on("disconnect", () => stop.abort());
  // Nobody may be left to read.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  main(process.argv[2], process.env, process.stdin, stop.signal).then((code) => {
    process.exitCode = code;
    process.removeAllListeners("disconnect");
    if (process.connected) process.disconnect();
  });
}
