"use strict";
// A process of its own for the tests: obtains the tools named by its arguments, writes each step to standard output.
require("../../../cli/bin/register.cjs");
const { ensureTools } = require("../../../embedded/tools/ensure-tools.ts");

const say = (line) => process.stdout.write(`${line}\n`);
ensureTools(process.argv.slice(2), { progress: ({ tool, step }) => say(`${tool} ${step}`) }).then(
  (tools) => Object.values(tools).forEach(({ source }) => say(`from ${source}`)),
  (error) => {
    say(error.message);
    process.exitCode = 1;
  },
);
