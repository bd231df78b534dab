"use strict";
// Waits until the API server accepts objects of a release's kinds: `run.cjs wait` in the project's folder, with the request as
// JSON in PLATFORM_ACCEPTANCE and the kubeconfig on standard input.
require("../../shared/step/process.cjs").run(() => require("./acceptance.ts"));
