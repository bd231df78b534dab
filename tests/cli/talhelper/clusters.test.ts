import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { clusterFile, clusterNames, importCluster, madeOf, planText, reportText } from "./clusters";
import { differences } from "./machine-configs";

/** What may differ from talhelper's machine config, and the line of the report that says so. */
const reported: readonly (readonly [difference: RegExp, line: RegExp])[] = [
  [/^machine\.install\.image$/, /^talosVersion: before 1\.10 /],
  [
    /^machine\.network\.interfaces$|^((Link|LinkAlias|Bond|Bridge|VLAN|Wireguard|DHCPv4|DHCPv6|Layer2VIP)Config) /,
    /\.networkInterfaces: talhelper writes LinkConfig /,
  ],
  [/^machine\.nodeLabels\./, /\.nodeLabels\..*: a Go template /],
  [/^machine\.install\.extraKernelArgs$/, /\.machineSpec\.useUKI: because of it, talhelper does not write /],
  [/^machine\.certSANs$/, /\.ipAddress: a name; /],
  [/^machine\.(certSANs|kubelet\.nodeIP)\b/, /\.ipAddress: .* here further addresses are /],
];

const hint = "see tests/fixtures/talhelper/README.md for how to make it again";

describe("a talconfig that is imported", () => {
  for (const name of clusterNames) {
    describe(name, () => {
      const cluster = importCluster(name);
      const read = (...file: readonly string[]) => readFileSync(clusterFile(name, ...file), "utf8");

      it("reports what differs from talhelper, and what to check", () => {
        assert.equal(reportText(cluster), read("report.txt"));
      });

      for (const plan of cluster.plans) {
        const file = `${plan.hostname}.yaml`;
        it(`asks talosctl for the machine config of ${plan.hostname} with these arguments and patches`, () => {
          assert.equal(planText(plan), read("plans", file));
        });

        it(`gets for ${plan.hostname} the machine config that talhelper makes, but for what the report says`, () => {
          const [ours, theirs] = [read("talosctl", file), read("talhelper", file)];
          assert.ok(ours.startsWith(madeOf.talosctl(plan)), `talosctl/${file} is of another plan; ${hint}`);
          assert.ok(theirs.startsWith(madeOf.talhelper(name)), `talhelper/${file} is of other files; ${hint}`);
          const report = [...cluster.notes.lost, ...cluster.notes.remarks];
          const unreported = differences(ours, theirs).filter(
            (difference) =>
              !reported.some(([what, line]) => what.test(difference) && report.some((each) => line.test(each))),
          );
          assert.deepEqual(unreported, []);
        });
      }
    });
  }
});
