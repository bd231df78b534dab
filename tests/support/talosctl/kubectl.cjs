"use strict";
// A fake kubectl: nodes and certificate requests of the cluster in world.cjs.
const { readFileSync } = require("node:fs");
const { afterwards, disturb, fail, load, record } = require("./world.cjs");

function main(argv) {
  record("kubectl", argv);
  const world = load();
  disturb(world, ["kubectl", ...argv]);
  const [flag, kubeconfig, verb, ...args] = argv;
  if (flag !== "--kubeconfig") fail("the user's own kubeconfig must not be used");
  if (!readFileSync(kubeconfig, "utf8").includes("clusters:")) fail("error: no server in the kubeconfig");
  const { kubernetes } = world;
  if (!kubernetes.up)
    fail("The connection to the server 192.168.128.27:6443 was refused - did you specify the right host or port?");
  const out = run(kubernetes, verb, args, world.nodes);
  afterwards(world);
  if (out) process.stdout.write(out);
}

/** A list as kubectl's jsonpath prints it. */
const list = (values) => JSON.stringify(values);

function run(kubernetes, verb, args, machines) {
  const line = [verb, ...args].join(" ");
  if (line.startsWith("get nodes -l ")) {
    const workers = args[2].startsWith("!");
    return Object.entries(machines)
      .filter(([, { hostname, role }]) => kubernetes.nodes.includes(hostname) && (role === "worker") === workers)
      .map(([address]) => `${address} fd00::1\n`)
      .join("");
  }
  if (line.startsWith("get --raw /readyz")) return "ok";
  if (line.startsWith("get nodes")) return kubernetes.nodes.map((name) => `${name}\n`).join("");
  if (line.startsWith("get node ")) {
    if (!kubernetes.nodes.includes(args[1])) fail(`Error from server (NotFound): nodes "${args[1]}" not found`);
    return `node/${args[1]}`;
  }
  if (line.startsWith("get certificatesigningrequests")) {
    return kubernetes.requests
      .map(({ name, signer, user, groups, usages, request, approved }) =>
        [name, signer, user, list(groups), list(usages), request, `${approved ? "Approved" : ""}\n`].join("|"),
      )
      .join("");
  }
  if (line.startsWith("certificate approve ")) {
    const request = kubernetes.requests.find(({ name }) => name === args[1]);
    request.approved = true;
    return `certificatesigningrequest.certificates.k8s.io/${args[1]} approved`;
  }
  if (verb === "drain") {
    if (!kubernetes.nodes.includes(args[0])) fail(`Error from server (NotFound): nodes "${args[0]}" not found`);
    kubernetes.drained = [...new Set([...(kubernetes.drained ?? []), args[0]])];
    return `node/${args[0]} drained`;
  }
  if (line.startsWith("delete node ")) {
    kubernetes.nodes = kubernetes.nodes.filter((name) => name !== args[1]);
    return "";
  }
  return fail(`error: unknown command ${line}`);
}

module.exports = { main };
