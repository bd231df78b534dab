"use strict";
module.exports = {
  require: ["./cli/bin/register.cjs"],
  // Several processes share the processors.
  timeout: 60_000,
  failZero: true,
  forbidOnly: true,
  reporter: "./tests/support/reporter.cjs",
};
