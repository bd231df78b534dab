#!/usr/bin/env node
"use strict";
// A Pulumi CLI as far as the scripts of deployments use it, with a small engine: the program is program.json in the current
// folder (values by URN; the value "broken" cannot be deployed), the state a file (FAKE_PULUMI_STATE). As the real one does, a
// failed `up` keeps what it has deployed, `--exclude` leaves a resource as it is, also where the program has it no more, and the
// history has the commit of the checkout. Texts and exit codes are those of the CLI 3.260.
const { spawnSync } = require("node:child_process");
const fs = require("node:fs");

const args = process.argv.slice(2);
const stateFile = process.env.FAKE_PULUMI_STATE;
const state = JSON.parse(fs.readFileSync(stateFile, "utf8"));
const save = () => fs.writeFileSync(stateFile, JSON.stringify(state));
const optionsNamed = (name) => args.flatMap((arg, index) => (arg === name ? [args[index + 1]] : []));
state.calls.push(args.join(" "));
save();

process.chdir(optionsNamed("--cwd")[0] ?? ".");
const excluded = new Set(optionsNamed("--exclude"));
const program = () => JSON.parse(fs.readFileSync("program.json", "utf8"));

function steps() {
  const [wanted, found] = [program(), state.resources];
  return [...new Set([...Object.keys(wanted), ...Object.keys(found)])].map((urn) => {
    const inputs = (value) => value && { inputs: { value, ...(urn.includes("Release") && { chart: "prometheus" }) } };
    const op = !(urn in found)
      ? "create"
      : !(urn in wanted)
        ? "delete"
        : wanted[urn] === found[urn]
          ? "same"
          : "update";
    const isKept = excluded.has(urn) && (op !== "create" || urn in wanted);
    const states = { oldState: inputs(found[urn]), newState: inputs(wanted[urn]) };
    const detailedDiff = op === "update" ? { "values.replicas": { kind: "update" } } : null;
    return { op: isKept ? "same" : op, urn, ...states, detailedDiff };
  });
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(255);
}

const commands = {
  "stack tag ls": () => console.log(JSON.stringify(state.tags)),
  "stack tag set"() {
    state.tags[args[3]] = args[4];
    save();
  },
  "stack history": () => console.log(JSON.stringify(state.history)),
  preview() {
    if (state.previewFails) fail("the stack is currently locked by 1 lock(s)");
    if (args.includes("--json")) return console.log(JSON.stringify({ steps: steps() }));
    console.log("Previewing update");
    if (args.includes("--expect-no-changes") && steps().some(({ op }) => op !== "same")) {
      fail("no changes were expected but changes were proposed");
    }
  },
  up() {
    console.log("Updating");
    const head = spawnSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).stdout.trim();
    const entry = { kind: "update", result: "succeeded", environment: { "git.head": head } };
    state.history.unshift(entry);
    for (const { op, urn, newState } of steps()) {
      if (op === "same") continue;
      if (newState?.inputs.value === "broken") entry.result = "failed";
      else if (op === "delete") delete state.resources[urn];
      else state.resources[urn] = newState.inputs.value;
    }
    save();
    if (entry.result === "failed") fail("update failed");
  },
};
const name = Object.keys(commands).find((command) => args.join(" ").startsWith(command));
if (name === undefined) fail(`unknown command "${args.join(" ")}" for "pulumi"`);
commands[name]();
