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
  const out = run(world, verb, args);
  afterwards(world);
  if (out) process.stdout.write(out);
}

/** A list as kubectl's jsonpath prints it. */
const list = (values) => JSON.stringify(values);

const jsonpaths = {
  ready: ({ notReady = [] }, name) => (notReady.includes(name) ? "False" : "True"),
  message: ({ notReady = [] }, name) =>
    notReady.includes(name)
      ? "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"
      : "kubelet is posting ready status",
  unschedulable: ({ cordoned = [] }, name) => (cordoned.includes(name) ? "true" : ""),
};

/** A request is sent some calls after its kubelet has joined. */
function arrive(kubernetes) {
  for (const request of kubernetes.requests) if (request.in) request.in -= 1;
}

function proxied(kubernetes, name) {
  const waiting = (kubernetes.rotating ?? []).includes(name);
  const signed = kubernetes.requests.some(({ user, approved }) => approved && user === `system:node:${name}`);
  if (waiting && !signed)
    fail(`Error from server: Get "https://10.5.0.3:10250/healthz": remote error: tls: internal error`);
  return "ok";
}

function run(world, verb, args) {
  const { kubernetes, nodes: machines } = world;
  const line = [verb, ...args].join(" ");
  if (line.startsWith("get nodes -l ")) {
    const workers = args[2].startsWith("!");
    return Object.entries(machines)
      .filter(([, { hostname, role }]) => kubernetes.nodes.includes(hostname) && (role === "worker") === workers)
      .map(([address]) => `${address} fd00::1\n`)
      .join("");
  }
  if (line.startsWith("get --raw /readyz")) return "ok";
  const [, proxy] = /^get --raw \/api\/v1\/nodes\/(\S+)\/proxy\/healthz$/.exec(line) ?? [];
  if (proxy) return proxied(kubernetes, proxy);
  const [, which] =
    /^get nodes -o jsonpath=.*\|.*(Ready"\)\]\.message|Ready"\)\]\.status|unschedulable)/.exec(line) ?? [];
  if (which) {
    const read = jsonpaths[which.endsWith("message") ? "message" : which.endsWith("status") ? "ready" : which];
    if (kubernetes.readyIn && (kubernetes.readyIn -= 1) === 0) kubernetes.notReady = [];
    return kubernetes.nodes.map((name) => `${name}|${read(kubernetes, name)}\n`).join("");
  }
  if (line.startsWith("get nodes")) return kubernetes.nodes.map((name) => `${name}\n`).join("");
  if (line.startsWith("get node ")) {
    if (!kubernetes.nodes.includes(args[1])) fail(`Error from server (NotFound): nodes "${args[1]}" not found`);
    if (line.includes("annotations")) return kubernetes.annotations?.[args[1]] ?? "";
    if (line.includes("unschedulable")) return jsonpaths.unschedulable(kubernetes, args[1]);
    return `node/${args[1]}`;
  }
  if (line.startsWith("annotate node ")) {
    const [, name, value] = args;
    kubernetes.annotations = {
      ...kubernetes.annotations,
      [name]: value.endsWith("-") ? undefined : value.split("=")[1],
    };
    return `node/${name} annotated`;
  }
  if (verb === "uncordon") {
    kubernetes.cordoned = (kubernetes.cordoned ?? []).filter((name) => name !== args[0]);
    return `node/${args[0]} uncordoned`;
  }
  if (line.startsWith("get certificatesigningrequests")) {
    arrive(kubernetes);
    return kubernetes.requests
      .filter((request) => !request.in)
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
