"use strict";
module.exports = {
  require: ["./cli/bin/register.cjs"],
  timeout: 20_000,
  failZero: true,
  forbidOnly: true,
  reporter: "./tests/support/reporter.cjs",
};
