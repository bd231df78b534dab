"use strict";
// An HTTP server that responds at once, except during STALL ms of every PERIOD ms, when the whole process is blocked.
// It prints its port, and the start and end of each stall (ms since 1970).
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
