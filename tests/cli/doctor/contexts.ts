import path from "node:path";
import type { Check, Finding, DoctorContext } from "../../../cli/doctor/doctor";
import { validate } from "../../../components/validation/validate";
import { projectRoot } from "../../support/program";

export const talosCluster = {
  kind: "talos",
  name: "istio-cluster",
  endpoint: "https://192.168.128.27:6443",
  talosVersion: "v1.7.4",
  kubernetesVersion: "v1.29.1",
  nodes: [
    { hostname: "controlplane", ipAddress: "192.168.128.27", controlPlane: true, installDisk: "/dev/sda" },
    { hostname: "worker-1", ipAddress: "192.168.128.28", installDisk: "/dev/sda" },
  ],
};

export const existingCluster = { kind: "existing", name: "other", kubeconfig: { file: "kubeconfig" } };

export function modelOf(cluster: object, mesh: object = { version: "1.22.1" }, more: object = {}) {
  return validate({ environment: "dev", cluster, mesh, ...more }, { secretNames: [], projectRoot });
}

/** A stack of which nothing is deployed, on a machine without tools; `more` says what is different. */
export function context(more: Partial<DoctorContext> = {}): DoctorContext {
  return {
    projectRoot,
    stack: "some",
    configFile: path.join(projectRoot, "Pulumi.some.yaml"),
    model: modelOf(talosCluster),
    env: { PATH: "", HOME: "/nonexistent", PULUMI_HOME: "/nonexistent", TALOS_MESH_CACHE: "/nonexistent" },
    now: Date.parse("2026-06-15T12:00:00Z"),
    deployment: () => Promise.resolve(undefined),
    server: () => Promise.resolve(undefined),
    ...more,
  };
}

/** The checks with a subject. */
export function about(checks: readonly Check[], subject: string): readonly Check[] {
  return checks.filter((check) => check.subject === subject);
}

/** A line for each finding. */
export function lines(findings: readonly Finding[]): string[] {
  return findings.map(({ level, where, message }) => `${level}: ${where}: ${message}`);
}
