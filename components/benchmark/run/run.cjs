"use strict";
// Runs a benchmark: `run.cjs measure|remove` in the project's folder, with what it is told as JSON in
// TALOS_MESH_BENCHMARK, and the kubeconfig on standard input. Called by a Pulumi command and by the embedded runner.
//
// Pulumi ends the command of a cancelled deployment with SIGKILL, which leaves no time to clean up. So the work is done by
// a child in a process group of its own, which sees its parent go, and stops as it does on Ctrl-C.
const { fork } = require("node:child_process");

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
/** Milliseconds for cleaning up. */
const patience = 60_000;

if (process.argv[3] === "worker") work();
else watch();

function watch() {
  const worker = fork(__filename, [process.argv[2] ?? "", "worker"], { detached: true });
  for (const signal of signals) process.on(signal, () => worker.kill(signal));
  worker.on("exit", (code, signal) => {
    if (code === null) process.stderr.write(`benchmark: ended by ${signal}; what is finished is kept\n`);
    process.exitCode = code ?? 1;
  });
}

function work() {
  require("../../../cli/bin/register.cjs");
  const { main } = require("./main.ts");
  const stop = new AbortController();
  const end = () => {
    if (stop.signal.aborted) return;
    stop.abort();
    // A cluster that does not answer is not waited for: the next run cleans up.
    setTimeout(() => process.exit(130), patience).unref();
  };
  for (const signal of signals) process.on(signal, () => (stop.signal.aborted ? process.exit(130) : end()));
  process.on("disconnect", end);
  // Whoever read has gone, and with it the deployment.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", end);
  main(process.argv[2], process.env, process.stdin, stop.signal).then((code) => {
    process.exitCode = code;
    process.removeAllListeners("disconnect");
    if (process.connected) process.disconnect();
  });
}
