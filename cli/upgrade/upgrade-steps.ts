import { configuredApplications } from "../../components/apps/registry";
import { hasAmbient } from "../../components/model/data-planes";
import type { Model } from "../../components/model/model";
import { count } from "../report/terminal";
import { isDowngrade, type Upgrade } from "./upgrade-plan";

/** What a deployment of the new version does. */
export interface Step {
  readonly what: string;
  /** What happens to requests meanwhile. */
  readonly traffic: string;
}

export interface Steps {
  readonly steps: readonly Step[];
  /** How to go back, or why that is not possible. */
  readonly back: string;
}

const undisturbed = "not disturbed";

export function upgradeSteps(upgrade: Upgrade, model: Model): Steps {
  const { settings } = model;
  const verification: Step[] =
    settings.verification === undefined || model.cluster.simulatedNodes
      ? []
      : [{ what: "verification sends requests, where a policy changes", traffic: "probes only" }];
  const { steps, back } = {
    istio: () => istioSteps(upgrade, model),
    talos: () => talosSteps(model),
    kubernetes: () => kubernetesSteps(model),
  }[upgrade.product]();
  return { steps: [...steps, ...verification], back };
}

function istioSteps(upgrade: Upgrade, { settings, cluster }: Model): Steps {
  const { mesh, gateways, applications } = settings;
  const simulated = cluster.simulatedNodes;
  const deployed = configuredApplications(settings).map(({ settings: { namespace } }) => namespace);
  const single = Object.entries(gateways).flatMap(([name, gateway]) =>
    "replicas" in gateway && gateway.replicas === 1 ? [name] : [],
  );
  const sidecars =
    mesh.dataPlane === "sidecar" || Object.values(mesh.namespaces).some(({ dataPlane }) => dataPlane === "sidecar");
  const steps: Step[] = [
    {
      what: "a check of the cluster: refuses another owner, a release that is stuck, a skipped minor version",
      traffic: undisturbed,
    },
    {
      what: `Istio's CRDs, then istiod ${upgrade.to}`,
      traffic: "not disturbed: proxies keep their configuration; pods that start wait for the injector",
    },
    {
      what: "istio-cni, one node at a time",
      traffic: "not disturbed; pods that start on a node wait for its agent",
    },
  ];
  if (hasAmbient(mesh)) {
    steps.push(
      {
        what: "ztunnel, one node at a time",
        traffic:
          "DISTURBED: long connections of ambient pods on that node are closed at the end of ztunnel's grace period",
      },
      { what: "waypoints", traffic: "new pods first; long connections are closed when the old ones end" },
    );
  }
  if (Object.keys(gateways).length > 0) {
    steps.push({
      what: `gateways: ${Object.keys(gateways).join(", ")}`,
      traffic:
        "new pods first; long connections are closed when the old ones end" +
        (single.length > 0 ? `; one replica only: ${single.join(", ")}` : ""),
    });
  }
  if (sidecars && deployed.length > 0) {
    steps.push({
      what: `pods with a sidecar are replaced in ${deployed.join(", ")}: a running pod keeps its proxy`,
      traffic: "rolling: a workload with one replica that does not end cleanly loses requests",
    });
  }
  if (sidecars && (applications ?? []).length > 0) {
    steps.push({
      what: "pods under talos-mesh:applications are restarted by their owners; `npm run proxies` lists them",
      traffic: "as their owners do it",
    });
  }
  if (mesh.revision !== undefined) {
    steps.push({
      what: `the revision keeps its name, ${mesh.revision}; by canary instead: docs/upgrades.md`,
      traffic: undisturbed,
    });
  }
  const back = isDowngrade(upgrade)
    ? "This goes back one minor version, and Istio's CRDs with it: objects keep no field that the older version does not know."
    : `Can be undone: \`npm run upgrade\` with ${upgrade.from}, which is the way back for one minor version.`;
  return {
    steps: simulated ? steps.map((step) => ({ ...step, traffic: "none: the nodes are simulated" })) : steps,
    back,
  };
}

function talosSteps({ settings: { cluster } }: Model): Steps {
  if (cluster.kind !== "talos") return recreated();
  const controlPlanes = cluster.nodes.filter(({ controlPlane }) => controlPlane).length;
  const workers = cluster.nodes.length - controlPlanes;
  const snapshot = cluster.etcdSnapshot
    ? `, each after a snapshot of etcd in ${cluster.etcdSnapshot.folder}`
    : "; there is no snapshot of etcd before (cluster.etcdSnapshot)";
  return {
    steps: [
      {
        what: "each node is upgraded only while the whole cluster is healthy, and the next one after it is healthy again",
        traffic: undisturbed,
      },
      {
        what: `${count(controlPlanes, "control plane")}, one at a time: drain, install, reboot${snapshot}`,
        traffic:
          controlPlanes === 1
            ? "the Kubernetes API is away while the only control plane reboots; running pods go on"
            : "not disturbed: etcd keeps its quorum with one member away",
      },
      {
        what: workers === 0 ? "no workers" : `${count(workers, "worker")}, one at a time: drain, install, reboot`,
        traffic:
          "DISTURBED: pods move to other nodes; workloads with one replica, and those without a PodDisruptionBudget, are away meanwhile",
      },
    ],
    back: "Cannot be undone by the stack file: Talos is not downgraded by a minor version. A node that does not boot rolls back by itself.",
  };
}

function kubernetesSteps({ settings: { cluster } }: Model): Steps {
  if (cluster.kind !== "talos") return recreated();
  return {
    steps: [
      {
        what: "`talosctl upgrade-k8s`: images are pulled, then the static pods of each control plane, one after the other",
        traffic: "not disturbed; the Kubernetes API of a single control plane is away for seconds",
      },
      {
        what: "kubelets restart, without a reboot",
        traffic: "not disturbed: pods go on; probes may fail for a moment",
      },
      {
        what: "kube-proxy and CoreDNS, where Talos manages them",
        traffic: "rolling; DNS answers from the other replica",
      },
    ],
    back: "Cannot be undone by the stack file: Kubernetes is not downgraded by a minor version; only a snapshot of etcd goes back.",
  };
}

function recreated(): Steps {
  return {
    steps: [{ what: "the cluster is destroyed and created again", traffic: "LOST: everything in the cluster" }],
    back: "Cannot be undone: what was in the cluster is lost. The stack deploys its own objects again.",
  };
}
