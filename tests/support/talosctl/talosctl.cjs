"use strict";
const { randomBytes } = require("node:crypto");
const { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { afterwards, disturb, fail, fingerprint, load, record } = require("./world.cjs");
const nodes = require("./nodes.cjs");

/** Flags with a value; every other one is a switch. */
const valued = new Set(
  "--talosconfig -e -n -o -f -c -m -t -p --mode --talos-version --with-secrets --kubernetes-version --install-disk --install-image --config-patch --config-patch-control-plane --config-patch-worker --config-patch-controlplanes --config-patch-workers --image --timeout --to --control-plane-nodes --worker-nodes --wait-timeout --system-labels-to-wipe --name --state --workers --provisioner --talosconfig-destination --dns-domain --exposed-ports --host-ip --docker-host-ip --additional-sans --drain-timeout".split(
    " ",
  ),
);

const short = { "--output": "-o", "--output-types": "-t", "--nodes": "-n", "--endpoints": "-e" };

function parseLine(argv) {
  const words = [];
  const flags = {};
  for (let at = 0; at < argv.length; at++) {
    const [flag, inline] = argv[at].startsWith("--") && argv[at].includes("=") ? splitOnce(argv[at]) : [argv[at]];
    if (!flag.startsWith("-") || flag === "-") words.push(flag);
    else (flags[short[flag] ?? flag] ??= []).push(inline ?? (valued.has(flag) ? argv[++at] : "true"));
  }
  return { words, flag: (name) => flags[name]?.at(-1), all: (name) => flags[name] ?? [] };
}

function splitOnce(text) {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

function minor(version) {
  return Number(version.split(".")[1]);
}

function main(argv) {
  record("talosctl", argv);
  const world = load();
  disturb(world, argv);
  const line = parseLine(argv);
  const [command, sub] = line.words;
  const local = { "gen secrets": genSecrets, "gen config": genConfig, validate, version: clientVersion };
  const run =
    command === "version" && line.flag("--client") !== "true"
      ? nodes.run
      : (local[`${command} ${sub}`] ??
        local[command] ??
        (command === "cluster" ? cluster : command === "config" ? config : nodes.run));
  run(world, line);
  afterwards(world);
}

function clientVersion(world) {
  process.stdout.write(`Client:\nTalos ${world.client}\n`);
}

// Loaded by the few calls that need it, because loading takes most of a call's time.
const yaml = () => require("yaml");

function genSecrets(world, { flag }) {
  const key = () => randomBytes(32).toString("base64");
  const pem = (kind) => ({ crt: randomBytes(200).toString("base64"), key: randomBytes(90).toString("base64"), kind });
  const certs = Object.fromEntries(["etcd", "k8s", "k8saggregator", "os"].map((name) => [name, pem(name)]));
  const token = () => `${randomBytes(3).toString("hex")}.${randomBytes(8).toString("hex")}`;
  const text = yaml().stringify({
    cluster: { id: key(), secret: key() },
    secrets: { bootstraptoken: token(), secretboxencryptionsecret: key() },
    trustdinfo: { token: token() },
    certs,
  });
  const to = flag("-o");
  if (to === "-" && minor(world.client) < 12) fail('open -: file exists, use --force to overwrite: "-"');
  if (to === "-") process.stdout.write(text);
  else writeFileSync(to, text, { flag: "wx" });
}

function readSecrets(file) {
  const text = readFileSync(file, "utf8");
  if (!text.includes("trustdinfo")) fail("yaml: unmarshal errors: not a secrets bundle");
  return text;
}

function genConfig(world, { words, flag, all }) {
  const secrets = readSecrets(flag("--with-secrets"));
  const [, , name, endpoint] = words;
  const type = flag("-t");
  if (flag("-o") !== "-") fail("error: gen config writes to a file");
  if (type === "talosconfig") {
    process.stdout.write(talosconfig(name, secrets));
    return;
  }
  const patches = all(type === "controlplane" ? "--config-patch-control-plane" : "--config-patch-worker");
  const contract = flag("--talos-version");
  if (minor(`${contract}.0`) > minor(world.client))
    fail(`error: config version ${contract} is newer than this talosctl`);
  const kubernetes = (flag("--kubernetes-version") ?? "1.36.0").replace(/^v/, "");
  const bundle = yaml().parse(secrets);
  const machine = {
    version: "v1alpha1",
    machine: {
      type,
      token: bundle.trustdinfo.token,
      ca: bundle.certs.os,
      kubelet: { image: `ghcr.io/siderolabs/kubelet:v${kubernetes}` },
      install: { disk: flag("--install-disk"), image: flag("--install-image") },
    },
    cluster: {
      id: bundle.cluster.id,
      secret: bundle.cluster.secret,
      controlPlane: { endpoint },
      ...(type === "controlplane" && {
        apiServer: { image: `registry.k8s.io/kube-apiserver:v${kubernetes}` },
        scheduler: { image: `registry.k8s.io/kube-scheduler:v${kubernetes}` },
      }),
    },
    patches: patches.map((file) => {
      const content = readFileSync(file.slice(1), "utf8");
      if (/^\s*- op:/m.test(content) && minor(`${contract}.0`) >= 12) {
        fail("JSON6902 patches are not supported for multi-document machine configuration");
      }
      return yaml().parse(content);
    }),
  };
  process.stdout.write(yaml().stringify(machine));
}

/** The client certificate is new each time; nodes check its authority only. */
function talosconfig(name, secrets) {
  const key = `${randomBytes(60).toString("base64")}`;
  const ca = fingerprint(/^ +id: (\S+)$/m.exec(secrets)[1]);
  return `${JSON.stringify({ context: name, contexts: { [name]: { endpoints: [], ca, crt: key, key } } })}\n`;
}

function validate(world, { flag }) {
  if (readFileSync(flag("-c"), "utf8").includes("not-a-setting")) {
    fail("1 error occurred:\n\t* unknown keys found during decoding:\nmachine:\n    not-a-setting: true\n");
  }
  process.stderr.write(`${flag("-c")} is valid for ${flag("-m")} mode\n`);
}

function config(world, { words, flag }) {
  const file = flag("--talosconfig");
  const content = JSON.parse(readFileSync(file, "utf8"));
  const [, what, ...addresses] = words;
  content.contexts[content.context][what] = addresses;
  writeFileSync(file, JSON.stringify(content));
}

function cluster(world, { words, flag, all }) {
  const [, verb, provisioner] = words;
  const name = flag("--name");
  if (verb === "destroy") {
    if (!world.containers && minor(world.client) >= 12) fail("open state.yaml: no such file or directory");
    world.containers = undefined;
    return;
  }
  const split = minor(world.client) >= 12;
  if (split && flag("--provisioner")) fail("unknown flag: --provisioner");
  if (split !== (provisioner === "docker")) fail(`unknown command "${provisioner}" for "talosctl cluster create"`);
  if (world.containers) fail(`docker network ${name} exists`);
  const patchesFor = (old, now) => {
    if (all(split ? old : now).length > 0) fail(`unknown flag: ${split ? old : now}`);
    return all(split ? now : old).map((file) => readFileSync(file.slice(1), "utf8"));
  };
  world.containers = {
    ...{ name, workers: Number(flag("--workers")), image: flag("--image") },
    exposed: [flag("--exposed-ports"), flag(split ? "--host-ip" : "--docker-host-ip")],
    controlPlanePatches: patchesFor("--config-patch-control-plane", "--config-patch-controlplanes"),
    workerPatches: patchesFor("--config-patch-worker", "--config-patch-workers"),
  };
  world.kubernetes.up = true;
  const kubeconfig = process.env.KUBECONFIG;
  if (!kubeconfig) fail("the user's own kubeconfig must not be used");
  mkdirSync(path.dirname(kubeconfig), { recursive: true });
  if (existsSync(kubeconfig)) rmSync(kubeconfig);
  writeFileSync(kubeconfig, nodes.kubeconfig("https://127.0.0.1:39443"));
  copyFileSync(kubeconfig, flag("--talosconfig-destination") ?? flag("--talosconfig"));
}

module.exports = { main };
