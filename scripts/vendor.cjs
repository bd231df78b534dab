"use strict";
// Regenerates the committed CRDs and the generated parts of the stand-in charts from the pinned Go modules.
// Usage: node scripts/vendor.cjs [--check]
require("../cli/bin/register.cjs");
const { main } = require("./vendor/vendor.ts");

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
