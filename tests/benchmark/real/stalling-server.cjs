"use strict";
// An HTTP server that answers at once but for STALL ms of every PERIOD ms, in which the whole process stands still.
// It says on stdout where it listens, and at each stall when it began and ended (ms since 1970).
const { createServer } = require("node:http");

const [stall, period] = process.argv.slice(2).map(Number);
const still = new Int32Array(new SharedArrayBuffer(4));
const server = createServer((_, answer) => answer.end("ok"));
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  console.log(`listening on ${server.address().port}`);
  setInterval(() => {
    const began = Date.now();
    Atomics.wait(still, 0, 0, stall);
    console.log(`stalled ${began} ${Date.now()}`);
  }, period);
});
