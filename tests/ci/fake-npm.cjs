#!/usr/bin/env node
"use strict";
// `npm ci`, which has no credentials, and `npm run verify`, whose verdict is the file `verdict` of the current folder.
const fs = require("node:fs");

const [command, , script, , , stack] = process.argv.slice(2);
if (command === "ci") {
  const credentials = Object.keys(process.env).filter((name) => /^PULUMI_(ACCESS_TOKEN|CONFIG_PASSPHRASE)$/.test(name));
  process.exit(credentials.length);
}
if (script !== "verify") throw new Error(`called with ${process.argv.slice(2).join(" ")}`);
const [verdict, warns] = fs.readFileSync("verdict", "utf8").trim().split(" ");
const folder = `.talos-mesh/${stack}/verification`;
fs.mkdirSync(folder, { recursive: true });
fs.writeFileSync(`${folder}/verification.json`, JSON.stringify({ verdict }));
fs.writeFileSync(`${folder}/verification.md`, `# Verification: ${verdict}\n`);
if (verdict !== "fails") process.exit(0);
console.error("1 policy is not verified");
process.exit(warns ? 0 : 1);
