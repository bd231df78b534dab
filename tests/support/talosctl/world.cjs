"use strict";
// The machines behind the fake talosctl and kubectl: a folder with one JSON file, named by FAKE_TALOS. Time is counted in
// calls, so that no test waits: a node has booted after some calls.
const { createHash } = require("node:crypto");
const { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } = require("node:fs");
const path = require("node:path");

const folder = process.env.FAKE_TALOS;

function wait(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const lock = () => path.join(folder, "lock");
const unlock = () => rmSync(lock(), { recursive: true, force: true });

/** The world, locked for this call: steps run in parallel. */
function load() {
  for (;;) {
    try {
      mkdirSync(lock());
      break;
    } catch {
      // A call that was ended by its time limit leaves its lock.
      if (Date.now() - (statSync(lock(), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 10_000) unlock();
      wait(5);
    }
  }
  process.on("exit", unlock);
  return JSON.parse(readFileSync(path.join(folder, "world.json"), "utf8"));
}

/** Renamed into place: a process that is killed leaves the old world or the new one. */
function save(world) {
  const part = path.join(folder, `world.json.${process.pid}`);
  writeFileSync(part, JSON.stringify(world, null, 2));
  renameSync(part, path.join(folder, "world.json"));
}

/** Records arguments and environment, for the tests that look for secrets. */
function record(program, argv) {
  appendFileSync(path.join(folder, "calls.jsonl"), `${JSON.stringify({ program, argv, env: process.env })}\n`);
}

/** Identifies a cluster on its nodes and in a talosconfig; from the ID in its machine secrets. */
function fingerprint(id) {
  return createHash("sha256").update(id).digest("hex").slice(0, 16);
}

/** Ends the process like talosctl: the text on stderr, exit code 1. */
function fail(text, code = 1) {
  process.stderr.write(`${text}\n`);
  process.exit(code);
}

/**
 * Injects the faults of a test: `faults` are errors of calls whose arguments match, `times` times, instead of their effect
 * or, with `after`, of their answer; `kill` is the call, counted from 1, at which the process group is killed, before or
 * after the call's effect.
 */
function disturb(world, argv) {
  world.calls = (world.calls ?? 0) + 1;
  const line = argv.join(" ");
  const fault = (world.faults ?? []).find(({ match, times }) => times > 0 && new RegExp(match).test(line));
  if (fault) fault.times -= 1;
  save(world);
  if (world.kill && world.kill.call === world.calls && !world.kill.after) die();
  if (!fault) return;
  if (fault.hang) {
    // Longer than any time limit of a test; the caller's ends the call.
    unlock();
    wait(fault.hang);
  }
  if (fault.error === undefined) return;
  if (!fault.after) fail(fault.error, fault.code ?? 1);
  lostAnswer = fault.error;
}

function afterwards(world) {
  save(world);
  if (world.kill && world.kill.call === world.calls && world.kill.after) die();
  if (lostAnswer !== undefined) fail(lostAnswer);
}

let lostAnswer;

function die() {
  unlock();
  process.kill(0, "SIGKILL");
}

/** Advances the time of a node by one call. */
function pass(node) {
  if (!node.next?.length) return;
  node.next[0].in -= 1;
  if (node.next[0].in >= 0) return;
  const change = node.next.shift();
  delete change.in;
  Object.assign(node, change);
}

module.exports = { afterwards, disturb, fail, fingerprint, load, pass, record, save, wait };
