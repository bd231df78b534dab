"use strict";
// How a program that a Command runs is started. Plain JavaScript, because the parent of a worker loads nothing else.
const { fork } = require("node:child_process");

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
/** Milliseconds that a stopped worker may take to clean up. */
const cleanUpTimeout = 60_000;

/** @typedef {{main: (argv: readonly string[], signal: AbortSignal) => Promise<number>}} Program */

/**
 * Runs a program in this process; a signal ends it at once.
 *
 * @param {() => Program} load requires the program's main module
 */
function run(load) {
  start(load, process.argv.slice(2), new AbortController().signal);
}

/**
 * Runs a program in a child process, so that it can clean up however it is ended. Pulumi ends the Command of a cancelled
 * deployment with SIGKILL, which leaves no time for that. The child is in a process group of its own, and is stopped, by its
 * AbortSignal, when its parent is gone, when a signal arrives, and when its output is not read any more.
 *
 * @param {string} file the program's own file, which the child runs again
 * @param {() => Program} load requires the program's main module
 */
function runInWorker(file, load) {
  const [marker, ...argv] = process.argv.slice(2).reverse();
  if (marker !== "worker") return watch(file);
  const stop = new AbortController();
  const end = () => {
    if (stop.signal.aborted) return;
    stop.abort();
    // A cluster that does not respond is not waited for: the next run cleans up.
    setTimeout(() => process.exit(130), cleanUpTimeout).unref();
  };
  for (const signal of signals) process.on(signal, () => (stop.signal.aborted ? process.exit(130) : end()));
  process.on("disconnect", end);
  for (const stream of [process.stdout, process.stderr]) stream.on("error", end);
  start(load, argv.reverse(), stop.signal);
}

function watch(file) {
  const worker = fork(file, [...process.argv.slice(2), "worker"], { detached: true });
  for (const signal of signals) process.on(signal, () => worker.kill(signal));
  worker.on("exit", (code, signal) => {
    if (code === null) process.stderr.write(`ended by ${signal}; the same command continues\n`);
    process.exitCode = code ?? 1;
  });
}

function start(load, argv, signal) {
  require("../../../cli/bin/register.cjs");
  load()
    .main(argv, signal)
    .then((code) => {
      process.exitCode = code;
      process.removeAllListeners("disconnect");
      if (process.connected) process.disconnect();
    });
}

module.exports = { run, runInWorker };
