import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { examine, type DoctorContext } from "../../../cli/doctor/doctor";
import { machineChecks } from "../../../cli/doctor/machine";
import { about, existingCluster, lines, modelOf, context } from "./contexts";

describe("the doctor of this machine", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-doctor-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const env = () => ({ PATH: `${folder}:/usr/bin:/bin`, HOME: folder, PULUMI_HOME: folder, TALOS_MESH_CACHE: folder });
  const only = () => ({ ...env(), PATH: folder });
  const found = async (subject: string, more: Partial<DoctorContext> = {}) =>
    lines(await examine(context({ env: only(), ...more }), about(machineChecks, subject)));

  /** A program that prints its version, as the real one does. */
  const program = (name: string, prints: string) =>
    writeFileSync(path.join(folder, name), `#!/bin/sh\necho '${prints}'\n`, { mode: 0o755 });

  it("names what a Talos stack needs and this machine does not have", async () => {
    assert.deepEqual(await found("tools"), [
      "error: this machine: talosctl is not on PATH",
      "error: this machine: kubectl is not on PATH",
    ]);
    assert.match(
      (await found("Pulumi CLI")).join(),
      /^error: this machine: no Pulumi CLI is installed, and clusters of kind talos need it$/,
    );
  });

  it("compares versions with those of the stack", async () => {
    program("talosctl", "Client:\nTalos v1.6.7");
    program("kubectl", "Client Version: v1.33.1");
    program("istioctl", "1.31.1");
    program("pulumi", "v3.250.0");
    const here = "this machine";
    assert.deepEqual(await found("tools"), [
      `error: ${here}: talosctl 1.6.7 (${folder}/talosctl) is older than the Talos v1.7.4 of the stack`,
      `warning: ${here}: kubectl 1.33.1 (${folder}/kubectl) is more than one minor version from Kubernetes v1.29.1`,
      `warning: ${here}: istioctl 1.31.1 (${folder}/istioctl) is more than one minor version from Istio 1.22.1`,
    ]);
    assert.deepEqual(await found("Pulumi CLI"), [`ok: ${here}: 3.250.0 (${folder}/pulumi)`]);
    program("talosctl", "Client:\nTalos v1.9.5");
    program("kubectl", "Client Version: v1.30.0\nKustomize Version: v5.0.1");
    program("istioctl", "client version: 1.23.0");
    assert.ok((await found("tools")).every((line) => line.startsWith("ok: ")));
    program("talosctl", "");
    assert.match((await found("tools"))[0] ?? "", /^not known: .* does not report its version$/);
    program("pulumi", "v3.100.0");
    assert.match((await found("Pulumi CLI")).join(), /^error: .*3\.100\.0, older than 3\.182\.0/);
  });

  it("needs no tool for an existing cluster, and says what npm start obtains for simulated nodes", async () => {
    assert.deepEqual(await found("tools", { model: modelOf(existingCluster) }), []);
    const model = modelOf({ kind: "embedded", name: "a" }, { version: "1.31.1" });
    assert.match(
      (await found("tools", { model })).join(),
      /^ok: this machine: not here yet: etcd 3\.6\.8, kube-apiserver 1\.36\.3/,
    );
    assert.match(
      (await found("Pulumi CLI", { model })).join(),
      /^ok: .*`npm start` downloads it, or uses the embedded engine$/,
    );
    mkdirSync(path.join(folder, ".talos-mesh/some"), { recursive: true });
    writeFileSync(path.join(folder, ".talos-mesh/some/engine"), "embedded\n");
    assert.match((await found("Pulumi CLI", { model, projectRoot: folder })).join(), /^ok: this machine: not needed/);
  });

  it("reports Node.js and the free space, of each file system once", async () => {
    assert.deepEqual(await found("Node.js"), [`ok: this machine: ${process.versions.node}, needed is >=20.19`]);
    const disks = await found("disk");
    assert.ok(
      disks.length > 0 && disks.every((line) => /^(ok|warning|error): this machine: [\d.]+ [MG]B free for /.test(line)),
      disks.join(),
    );
  });
});
