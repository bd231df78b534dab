"use strict";
// The part of the fake talosctl that calls a node.
const { randomBytes } = require("node:crypto");
const { readFileSync, writeFileSync } = require("node:fs");
const { isIP } = require("node:net");
const { fail, fingerprint, pass, save } = require("./world.cjs");
const etcd = require("./etcd.cjs");

const refused = (address) =>
  `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp ${address}:50000: connect: connection refused"`;
const unknownAuthority =
  'rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"';
/** What a configured node makes of a call without a certificate: its alert is lost where talosctl still writes. */
const refusals = [
  "write tcp 10.5.0.1:43210->10.5.0.3:50000: write: broken pipe",
  "remote error: tls: certificate required",
  "read tcp 10.5.0.1:43214->10.5.0.3:50000: read: connection reset by peer",
].map(
  (reason) => `rpc error: code = Unavailable desc = connection error: desc = "error reading server preface: ${reason}"`,
);

function run(world, line) {
  const { words, flag } = line;
  if (flag("-e") !== flag("-n") || !flag("-n")) fail("nodes are not set for the command: please use `--nodes` flag");
  const address = flag("-n");
  const node = world.nodes[address];
  if (!node) fail(refused(address));
  const insecure = flag("--insecure") === "true";
  pass(node);
  // What waits for etcd starts once there is a cluster to join.
  if (node.stage === "booting" && world.kubernetes.up && !node.next?.length) {
    Object.assign(node, { stage: "running", etcd: node.role === "controlplane" });
  }
  save(world);
  if (node.stage === "off") fail(refused(address));
  authenticate(world, node, insecure, flag("--talosconfig"));
  const command = commands[words.slice(0, 2).join(" ")] ?? commands[words[0]];
  if (!command) fail(`unknown command "${words[0]}" for "talosctl"`);
  if (insecure && !["get", "apply-config"].includes(words[0]))
    fail("rpc error: code = Unimplemented desc = unknown service");
  command({ world, node, address, insecure, ...line });
}

function authenticate(world, node, insecure, talosconfig) {
  if (node.stage === "maintenance") {
    if (!insecure) fail(unknownAuthority);
    return;
  }
  if (insecure) {
    node.refused = (node.refused ?? -1) + 1;
    save(world);
    fail(refusals[node.refused % refusals.length]);
  }
  if (!talosconfig) fail("the user's own talosconfig must not be used");
  const { context, contexts } = JSON.parse(readFileSync(talosconfig, "utf8"));
  if (contexts[context].ca !== node.cluster) fail(unknownAuthority);
}

/** The whole way of a machine that got its first config: installs, restarts, comes back. */
const installation = [
  { in: 1, stage: "off" },
  { in: 1, stage: "booting" },
];

const commands = {
  get({ world, node, address, words, flag }) {
    const [, resource] = words;
    if (resource === "nodename") return print(node.hostname);
    if (resource === "etcdmember") return print(etcd.idOf(world, node));
    if (resource === "nodeaddress")
      return print(JSON.stringify([`${node.ip ?? address}/24`, ...(node.addresses ?? [])]));
    if (resource === "machinestatus") return print(node.stage);
    if (resource === "machineconfig") {
      if (words[2] !== "persistent") return print(node.config);
      // Older releases keep it, and do not show it.
      if (Number(node.version.split(".")[1]) < 12) fail("rpc error: code = NotFound desc = resource doesn't exist");
      return print(node.staged ?? node.config);
    }
    if (resource === "extensions") {
      const entry = { author: "Image Factory", name: "schematic", version: node.schematic };
      if (flag("-o") === "json" && node.schematic)
        print(JSON.stringify({ metadata: { id: "0" }, spec: { metadata: entry } }, null, 4));
      return undefined;
    }
    return fail(`error: resource "${resource}" is not registered`);
  },

  "apply-config"({ node, insecure, flag }) {
    const config = readFileSync(flag("-f"), "utf8");
    const type = /^ +type: (\w+)$/m.exec(config)?.[1];
    const id = /^ +id: (\S+)$/m.exec(config)?.[1];
    if (!type || !id) fail("error: no configuration data read");
    if (insecure) {
      Object.assign(node, { config, stage: "installing", role: type, cluster: fingerprint(id) });
      node.next = structuredClone(installation);
      return;
    }
    const same = config.trim() === node.config?.trim();
    if (flag("--dry-run")) {
      const lines = same ? "No changes." : diff(node.config, config);
      process.stderr.write(
        `Dry run summary:\nApplied configuration without a reboot (skipped in dry-run).\nConfig diff:\n\n${lines}\n`,
      );
      return;
    }
    const needsReboot = config.includes("needsReboot") !== (node.config ?? "").includes("needsReboot");
    if (needsReboot && flag("--mode") === "no-reboot") {
      fail(
        `error applying new configuration: rpc error: code = InvalidArgument desc = this config change can't be applied in immediate mode\ndiff:\n--- a\n+++ b\n@@ -1,9 +1,9 @@\n${diff(node.config, config)}`,
      );
    }
    process.stderr.write("Applied configuration without a reboot\n");
    if (flag("--mode") === "staged") {
      node.staged = config;
      return;
    }
    node.config = config;
    node.staged = undefined;
    if (needsReboot) boot(node);
  },

  reboot({ node, flag }) {
    if (flag("--wait") !== "true") fail("error: --wait is missing, so the step would not notice the reboot");
    boot(node);
  },

  bootstrap({ world, node }) {
    if (node.role !== "controlplane")
      fail(
        "error executing bootstrap: rpc error: code = InvalidArgument desc = bootstrap can only be performed on a control plane node",
      );
    if (node.stage === "installing")
      fail("error executing bootstrap: rpc error: code = FailedPrecondition desc = bootstrap is not available yet");
    if (node.etcd)
      fail("error executing bootstrap: rpc error: code = AlreadyExists desc = etcd data directory is not empty");
    world.bootstraps = (world.bootstraps ?? 0) + 1;
    Object.assign(node, { etcd: !node.etcdEvent, stage: "running", etcdIn: world.etcdIn });
    for (const other of Object.values(world.nodes)) {
      if (other.cluster !== node.cluster) continue;
      if (other.stage === "booting") other.stage = "running";
      if (other.role === "controlplane" && other !== node) other.etcd = true;
    }
    world.kubernetes.up = true;
  },

  ...etcd.commands,

  time({ node, address }) {
    const now = Date.now() + 1000 * (node.ahead ?? 0);
    // As Go prints a time.
    const text = (ms) => new Date(ms).toISOString().replace("T", " ").replace("Z", "456789 +0000 UTC");
    const row = [address, "time.cloudflare.com", text(now), text(now - 1000 * (node.aheadOfServer ?? 0))];
    process.stdout.write(etcd.table(["NODE|NTP-SERVER|NODE-TIME|NTP-SERVER-TIME".split("|"), row]));
  },

  version({ node }) {
    print(JSON.stringify({ metadata: { hostname: node.hostname }, version: { tag: node.version, sha: "0" } }));
  },

  upgrade({ world, node, flag }) {
    const image = flag("--image");
    const version = image.slice(image.lastIndexOf(":") + 1);
    if (node.role === "controlplane" && node.version < "v1.8" && flag("--preserve") !== "true") node.etcd = false;
    world.upgrades = [...(world.upgrades ?? []), `${node.hostname} ${version}`];
    if (!world.rollsBack) {
      node.version = version;
      node.schematic = /[0-9a-f]{64}/.exec(image)?.[0];
    }
    // From 1.13 on, talosctl itself cordons the node, and uncordons it if it lives to see the end.
    const cordons = Number(world.client.split(".")[1]) >= 13;
    if (cordons && world.kill?.call === world.calls) {
      world.kubernetes.cordoned = [...(world.kubernetes.cordoned ?? []), node.hostname];
    }
    node.stage = "upgrading";
    node.next = [
      { in: 0, stage: "off" },
      { in: 1, stage: "running" },
    ];
  },

  "upgrade-k8s"({ world, node, flag }) {
    const to = flag("--to");
    if (to.startsWith("v")) fail(`error creating upgrade path: invalid version ${to}`);
    world.kubernetesUpgrades = [...(world.kubernetesUpgrades ?? []), to];
    for (const other of Object.values(world.nodes)) {
      if (other.cluster !== node.cluster || !other.config) continue;
      const from = Number(/kubelet:v1\.(\d+)/.exec(other.config)?.[1]);
      if (Number(to.split(".")[1]) > from + 1) fail(`unsupported upgrade path from 1.${from} to ${to}`);
      other.config = other.config.replace(/(kubelet|kube-apiserver|kube-scheduler):v[\d.]+/g, `$1:v${to}`);
    }
  },

  health({ world, flag }) {
    const wanted = [flag("--control-plane-nodes"), flag("--worker-nodes")].flatMap((list) => list?.split(",") ?? []);
    const name = wanted.find((address) => isIP(address) === 0);
    if (name !== undefined) fail(`ParseAddr("${name}"): unable to parse IP`);
    process.stderr.write("discovered nodes: []\nwaiting for etcd to be healthy: ...\n");
    const bad = wanted.find((address) => world.nodes[address]?.stage !== "running");
    if (bad)
      fail(
        `waiting for all nodes to finish boot sequence: ${bad} is ${world.nodes[bad]?.stage}\nhealthcheck error: rpc error: code = DeadlineExceeded desc = context deadline exceeded`,
      );
    const { notReady = [], cordoned = [] } = world.kubernetes;
    const notNone = !Object.values(world.nodes).some(({ config }) => config?.includes("name: none"));
    const unhealthy =
      (notNone && notReady.length > 0 && `report ready: some nodes are not ready: [${notReady.join(" ")}]`) ||
      (cordoned.length > 0 && `report schedulable: some nodes are not schedulable: [${cordoned.join(" ")}]`);
    if (unhealthy)
      fail(
        `waiting for all k8s nodes to ${unhealthy}\nhealthcheck error: rpc error: code = DeadlineExceeded desc = context deadline exceeded`,
      );
    process.stderr.write("waiting for all k8s nodes to report ready: OK\n");
  },

  kubeconfig({ world, words }) {
    if (!world.kubernetes.up)
      fail("error copying: rpc error: code = FailedPrecondition desc = k8s API server CA config is not set");
    writeFileSync(words[1], kubeconfig("https://192.168.128.27:6443"));
  },

  reset({ node, flag, all }) {
    if (flag("--graceful") !== "false") fail("error executing reset: etcd: cannot leave as the last member");
    if (all("--system-labels-to-wipe").join() !== "STATE,EPHEMERAL") fail("the whole disk would be wiped");
    Object.assign(node, { stage: "resetting", config: undefined, etcd: false, resets: (node.resets ?? 0) + 1 });
    node.next = [
      { in: 1, stage: "off" },
      { in: 1, stage: "maintenance", cluster: undefined },
    ];
  },
};

/** A boot applies the staged config; the next call sees it. */
function boot(node) {
  Object.assign(node, { config: node.staged ?? node.config, staged: undefined, boots: (node.boots ?? 0) + 1 });
  node.stage = "rebooting";
  node.next = [
    { in: 0, stage: "off" },
    { in: 1, stage: "running" },
  ];
}

/** Like the real diff: with the secrets in it. */
function diff(before = "", now = "") {
  const [old, fresh] = [before.split("\n"), now.split("\n")];
  return [
    ...old.filter((line) => !fresh.includes(line)).map((line) => `-${line}`),
    ...fresh.filter((line) => !old.includes(line)).map((line) => `+${line}`),
  ].join("\n");
}

function kubeconfig(server) {
  const data = () => randomBytes(120).toString("base64");
  const lines = [
    "apiVersion: v1",
    "kind: Config",
    "clusters:",
    `- {name: fake, cluster: {server: "${server}", certificate-authority-data: ${data()}}}`,
    "users:",
    `- {name: admin, user: {client-certificate-data: ${data()}, client-key-data: ${data()}}}`,
  ];
  return `${lines.join("\n")}\n`;
}

function print(text) {
  process.stdout.write(`${text}\n`);
}

module.exports = { kubeconfig, run };
