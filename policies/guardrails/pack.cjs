"use strict";
// The Pulumi CLI starts the policy pack here, in a process of its own.
require("../../cli/bin/register.cjs");
require("./pack.ts");
