#!/usr/bin/env node
"use strict";
// A Pulumi CLI as far as `npm start` uses it: a state in a folder, an event log, and one object. Each call is appended to
// the file FAKE_PULUMI_CALLS. `fails` in the project's folder makes `up` fail, after it deployed where it says so.
const fs = require("node:fs");
const path = require("node:path");
const { fileURLToPath } = require("node:url");

const args = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const stack = option("--stack") ?? args[2];
const folder = path.join(fileURLToPath(process.env.PULUMI_BACKEND_URL ?? "file:///none"), ".pulumi/stacks/demo");
const state = path.join(folder, `${stack}.json`);
const calls = process.env.FAKE_PULUMI_CALLS;
if (calls) fs.appendFileSync(calls, `${args.filter((arg) => !arg.includes(path.sep)).join(" ")}\n`);

const type = "kubernetes:core/v1:Namespace";
const urn = `urn:pulumi:${stack}::demo::talos-mesh:platform:Platform$${type}::shop`;
const inputs = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
const stackUrn = `urn:pulumi:${stack}::demo::pulumi:pulumi:Stack::demo-${stack}`;

const read = () => JSON.parse(fs.readFileSync(state, "utf8"));
const write = (deployment) => {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(state, JSON.stringify(deployment));
};
const events = (...all) =>
  fs.writeFileSync(option("--event-log"), all.map((event) => `${JSON.stringify(event)}\n`).join(""));
const step = (op, result = "resOutputsEvent") => [
  { resourcePreEvent: { metadata: { op, urn, type, new: { inputs } } } },
  { [result]: { metadata: { op, urn, type, new: { inputs } } } },
];
const outputs = { url: "http://shop", password: { "4dabf18193072939515e22adb298388d": "1b47", ciphertext: "abc" } };
const done = {
  resOutputsEvent: { metadata: { op: "same", urn: stackUrn, type: "pulumi:pulumi:Stack", new: { outputs } } },
};

const commands = {
  version: () => console.log("v3.250.0"),
  "stack select": () => fs.existsSync(state) || write({ resources: [] }),
  "stack export": () => console.log(JSON.stringify({ version: 3, deployment: read() })),
  "stack import": () => write(JSON.parse(fs.readFileSync(option("--file"), "utf8")).deployment),
  "stack output": () => console.log(JSON.stringify({ ...outputs, password: "[secret]" })),
  "stack rm": () => fs.rmSync(state),
  up() {
    console.log("Updating");
    if (!fs.existsSync(process.env.TMPDIR ?? "")) throw new Error("TMPDIR does not exist");
    const fails = fs.existsSync("../../../fails") && fs.readFileSync("../../../fails", "utf8");
    if (fails === "at once") {
      events();
      console.error("error: the program failed");
      process.exit(255);
    }
    const exists = read().resources.length > 0;
    write({ resources: [{ urn, type, id: "shop", inputs }] });
    if (fails) {
      events(...step("create", "resOpFailedEvent"));
      process.exit(255);
    }
    events(...step(exists ? "same" : "create"), done);
  },
  preview: () => events(...step(read().resources.length > 0 ? "same" : "create"), done),
  destroy() {
    write({ resources: [] });
    events(...step("delete"));
  },
};
const command = commands[args[0]] ?? commands[args.slice(0, 2).join(" ")];
if (command === undefined) throw new Error(`unknown command ${args.join(" ")}`);
command();
