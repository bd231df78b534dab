"use strict";
// A random secret of 32 letters and digits, on stdout. Made once: whatever changes later, a second run prints the one it
// made before, which comes in as the command's previous output.
const { randomInt } = require("node:crypto");

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const made = () => Array.from({ length: 32 }, () => alphabet[randomInt(alphabet.length)]).join("");

process.stdout.write(process.env.PULUMI_COMMAND_STDOUT || made());
