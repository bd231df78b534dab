"use strict";
// Exits with 0 when the address answers a HEAD request within 3 seconds. A program of its own, because the Pulumi
// program has to know before it makes its first resource, and Node has no synchronous network.
const url = new URL(process.argv[2]);
const { request } = url.protocol === "http:" ? require("node:http") : require("node:https");

const deadline = setTimeout(() => process.exit(1), 3000);
request(url, { method: "HEAD" }, (response) => {
  clearTimeout(deadline);
  process.exit(response.statusCode < 400 ? 0 : 1);
})
  .on("error", () => process.exit(1))
  .end();
