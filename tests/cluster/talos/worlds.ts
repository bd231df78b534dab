import { createHash } from "node:crypto";
import { stringify } from "yaml";
import type { FakeNode, FakeWorld } from "../../support/talosctl/fake";

/** The cluster that the tests of the steps use: the article's three machines. */
export const addresses = { controlPlane: "192.168.128.27", worker1: "192.168.128.28", worker2: "192.168.128.30" };

const schematic = "6ebbfe35c8225645c05d4d19eaad385bd1ec795954932d0ada671388272fec19";

/** A secret of a test: long, the same for the same name, and found nowhere by chance. */
function material(name: string, length = 44): string {
  return createHash("sha512").update(`test ${name}`).digest("base64").slice(0, length);
}

/** Each secret of the talsecret.yaml below. */
export const secretValues = [
  ...["id", "secret", "secretbox"].map((name) => material(name)),
  "abcdef.0123456789abcdef",
  "fedcba.fedcba9876543210",
  ...["etcd", "k8s", "k8saggregator", "os"].flatMap((name) => [
    material(`${name} crt`, 80),
    material(`${name} key`, 80),
  ]),
];

const certificate = (name: string) => ({ crt: material(`${name} crt`, 80), key: material(`${name} key`, 80) });

export const machineSecrets = stringify({
  cluster: { id: material("id"), secret: material("secret") },
  secrets: { bootstraptoken: "abcdef.0123456789abcdef", secretboxencryptionsecret: material("secretbox") },
  trustdinfo: { token: "fedcba.fedcba9876543210" },
  certs: Object.fromEntries(["etcd", "k8s", "k8saggregator", "os"].map((name) => [name, certificate(name)])),
});

export const ownCluster = createHash("sha256").update(material("id")).digest("hex").slice(0, 16);

/** A machine config of the cluster in the form of the fake's `gen config`. */
export function machineConfig(role: "controlplane" | "worker", kubernetes = "1.29.1", more: object = {}): string {
  return stringify({
    machine: {
      type: role,
      token: "fedcba.fedcba9876543210",
      ca: certificate("os"),
      kubelet: { image: `ghcr.io/siderolabs/kubelet:v${kubernetes}` },
      ...more,
    },
    cluster: {
      id: material("id"),
      secret: material("secret"),
      ...(role === "controlplane" && { apiServer: { image: `registry.k8s.io/kube-apiserver:v${kubernetes}` } }),
    },
  });
}

type Kind = "maintenance" | "running";

function node(hostname: string, role: "controlplane" | "worker", kind: Kind): FakeNode {
  const base = { hostname, version: "v1.7.4", schematic };
  if (kind === "maintenance") return { ...base, stage: "maintenance" };
  return {
    ...base,
    role,
    stage: "running",
    cluster: ownCluster,
    config: machineConfig(role),
    etcd: role === "controlplane",
  };
}

/** All three machines in maintenance mode, or all three a running cluster. */
export function world(kind: Kind, change: (world: FakeWorld) => void = () => undefined): FakeWorld {
  const running = kind === "running";
  const made: FakeWorld = {
    client: "v1.9.5",
    nodes: {
      [addresses.controlPlane]: node("controlplane", "controlplane", kind),
      [addresses.worker1]: node("worker-1", "worker", kind),
      [addresses.worker2]: node("worker-2", "worker", kind),
    },
    kubernetes: { up: running, nodes: running ? ["controlplane", "worker-1", "worker-2"] : [], requests: [] },
  };
  change(made);
  return made;
}

/** The environment of every step. */
export const common = {
  TALOS_CLUSTER: "istio-cluster",
  TALOS_CONTRACT: "v1.7",
  TALOS_VERSION: "v1.7.4",
  TALOS_CONTROL_PLANES: addresses.controlPlane,
  TALOS_WORKERS: `${addresses.worker1},${addresses.worker2}`,
};

export const onControlPlane = {
  ...common,
  TALOS_NODE: "controlplane",
  TALOS_ADDRESS: addresses.controlPlane,
  TALOS_ROLE: "controlplane",
};
export const onWorker = { ...common, TALOS_NODE: "worker-1", TALOS_ADDRESS: addresses.worker1, TALOS_ROLE: "worker" };
