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

/** Columns as Go's tabwriter prints them: padded by three spaces, but for the last. */
function table(rows) {
  const width = (column) => Math.max(...rows.map((row) => row[column].length)) + 3;
  const line = (row) => row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(width(at)))).join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}

const statusHead =
  "NODE|MEMBER|DB SIZE|IN USE|LEADER|RAFT INDEX|RAFT TERM|RAFT APPLIED INDEX|LEARNER|PROTOCOL|STORAGE|ERRORS";

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

  "etcd status"({ world, node, address }) {
    if (!node.etcd || starts(world, node)) fail(refused);
    const id = idOf(world, node);
    const numbers = ["25 MB", "12 MB (48.00%)", id, "1050", "3", "1050", "false", "3.6.0", "3.6.0"];
    process.stdout.write(table([statusHead.split("|"), [address, id, ...numbers, node.etcdError ?? ""]]));
  },

  "etcd alarm"({ world, node, address, words }) {
    if (words[2] !== "list") fail(`error: unknown command ${words.join(" ")}`);
    if (!node.etcd || starts(world, node)) fail(refused);
    // Without an alarm nothing is printed, not even the head.
    if (node.etcdAlarm) {
      process.stdout.write(
        table([
          ["NODE", "MEMBER", "ALARM"],
          [address, idOf(world, node), node.etcdAlarm],
        ]),
      );
    }
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

module.exports = { table, commands, idOf };
