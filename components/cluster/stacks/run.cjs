"use strict";
// Checks, before a cluster is destroyed, that no other stack is on it: `run.cjs check` in the project's folder, with the request
// as JSON in STACK_ORDER and the kubeconfig on standard input.
require("../../shared/step/process.cjs").run(() => require("./check.ts"));
