"use strict";
// Prints a random secret of 32 letters and digits: every time the same one, because the first one comes in as the command's
// previous output.
const { randomInt } = require("node:crypto");

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const generate = () => Array.from({ length: 32 }, () => alphabet[randomInt(alphabet.length)]).join("");

process.stdout.write(process.env.PULUMI_COMMAND_STDOUT || generate());
