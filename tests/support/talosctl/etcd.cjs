"use strict";
// The part of the fake talosctl that is about etcd. Its API hangs on a node where etcd does not run; the service answers.
const { writeFileSync } = require("node:fs");
const { fail, save, wait } = require("./world.cjs");

const refused =
  'error getting members: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp [::1]:2379: connect: connection refused"';

/** etcd pulls its image and starts some calls after the bootstrap. */
function starts(world, node) {
  if (!node.etcdIn) return false;
  node.etcdIn -= 1;
  save(world);
  return true;
}

function state(node) {
  if (node.etcdEvent) return node.etcdEvent;
  if (node.etcd && !node.etcdIn) return "[Running]: Health check successful";
  return node.etcdIn ? "[Preparing]: Running pre state" : "[Finished]: Service finished successfully";
}

/** A member keeps the name that the machine had when etcd started. */
const membersOf = (world, node) => Object.values(world.nodes).filter((one) => one.etcd && one.cluster === node.cluster);
const idOf = (world, node) => `${membersOf(world, node).indexOf(node) + 1}abc`;

const commands = {
  "service etcd"({ node, address }) {
    if (node.role !== "controlplane") fail('error: service "etcd" is not registered on any nodes');
    const [name] = state(node).slice(1).split("]");
    const rows = [
      ["NODE", address],
      ["ID", "etcd"],
      ["STATE", name],
      ["HEALTH", node.etcd ? "OK" : "?"],
    ];
    const events = [
      ["EVENTS", `${state(node)} (12s ago)`],
      ["", "[Preparing]: Creating service runner (14s ago)"],
    ];
    process.stdout.write([...rows, ...events].map(([label, text]) => `${label.padEnd(9)}${text}\n`).join(""));
  },

  list({ node, words }) {
    if (!node.etcd && !node.etcdData)
      fail(`error listing: 1 error occurred:\n\t* lstat ${words[1]}: no such file or directory`);
    process.stdout.write("NODE   NAME\nsnap\nwal\n");
  },

  "logs etcd"({ node, address }) {
    if (node.etcdLog) process.stdout.write(`${address}: {"level":"warn","msg":"${node.etcdLog}"}\n`);
  },

  "etcd members"({ world, node, address }) {
    if (!node.etcd || starts(world, node)) fail(refused);
    const lines = membersOf(world, node).map(
      (one) =>
        `${address}   ${idOf(world, one)}   ${one.memberName ?? one.hostname}   https://x:2380   https://x:2379   false`,
    );
    process.stdout.write(`${["NODE   ID   HOSTNAME   PEER URLS   CLIENT URLS   LEARNER", ...lines].join("\n")}\n`);
  },

  "etcd leave"({ node }) {
    node.etcd = false;
  },

  "etcd remove-member"({ world, words }) {
    const members = Object.values(world.nodes).filter(({ etcd }) => etcd);
    members[Number.parseInt(words[2], 10) - 1].etcd = false;
  },

  "etcd snapshot"({ node, words }) {
    if (!node.etcd) wait(400_000);
    writeFileSync(words[2], "etcd snapshot");
  },
};

module.exports = { commands, idOf };
