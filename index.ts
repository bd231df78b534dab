import { Bookinfo } from "./components/apps/bookinfo";
import { Benchmark } from "./components/benchmark/benchmark";
import { cluster as clusterOf } from "./components/cluster";
import { chartSource } from "./components/mesh/chart-source";
import { gatewayCertificates } from "./components/mesh/gateway-certificates";
import { gatewayWorkloads } from "./components/mesh/gateways";
import { Istio } from "./components/mesh/istio";
import { sidecarRequest } from "./components/mesh/values/proxy-generation";
import { Observability } from "./components/observability/observability";
import { meshNotes } from "./components/mesh/notes";
import { unknownValues } from "./components/mesh/values/check";
import { Platform } from "./components/platform";
import { namespaces } from "./components/platform/namespaces";
import { programContext } from "./components/settings/context";
import { loadSettings } from "./components/settings/load";
import { policyMeshConfig } from "./components/settings/mesh-config";
import { hasAddons } from "./components/settings/sections/observability";
import { bookinfoWorkloads } from "./components/settings/workloads";
import { clusterSummary as clusterSummaryOf, notes as notesOf, urls as urlsOf } from "./components/summary";
import { compilePolicies } from "./policies/compile";
import { MeshPolicies, MeshSecurity } from "./policies/mesh-policies";
import { policyModel } from "./policies/model";

// One direction: settings -> cluster -> platform -> mesh -> applications -> policies -> outputs.
const context = programContext();
const { settings, secrets } = loadSettings((valid) => unknownValues(valid, context.projectRoot));
const { mesh, images, gateways } = settings;
// Before anything is made, as it refuses what would not hold.
const workloads = settings.bookinfo ? bookinfoWorkloads(settings.bookinfo) : [];
const objects = compilePolicies(policyModel({ ...settings, workloads, gateways: gatewayWorkloads(gateways) }));

const cluster = clusterOf(settings, context, secrets);
const charts = chartSource(settings.charts, cluster);
const inCluster = { provider: cluster.provider, deletedWith: cluster.deletedWith };

const platform = new Platform(
  "platform",
  { settings: settings.platform, namespaces: namespaces(settings), images, secrets },
  { ...inCluster, dependsOn: cluster.component },
);

const istio = new Istio(
  "istio",
  { mesh, images, gateways, cluster, source: charts, meshConfig: policyMeshConfig(settings) },
  { ...inCluster, dependsOn: platform },
);

const { nodeAddress } = cluster;
const certificates = { ...settings, secrets, context, nodeAddress };
gatewayCertificates("gateway-certificates", certificates, { ...inCluster, dependsOn: platform });

if (hasAddons(settings.observability)) {
  const args = { settings: settings.observability, mesh, gateways, images, source: charts, secrets, context, istio };
  new Observability("observability", args, { ...inCluster, dependsOn: platform });
}

const security = new MeshSecurity("security", { objects }, { ...inCluster, dependsOn: istio });
const bookinfo =
  settings.bookinfo &&
  new Bookinfo(
    "bookinfo",
    {
      settings: settings.bookinfo,
      images,
      sidecar: sidecarRequest(settings.bookinfo.namespace, { mesh, images, cluster }),
      waypoints: mesh.waypoints,
      cluster,
    },
    { ...inCluster, dependsOn: security },
  );

const policies = new MeshPolicies(
  "policies",
  { objects },
  { ...inCluster, dependsOn: bookinfo ? [security, bookinfo] : security },
);

if (settings.benchmark) {
  const args = { settings: settings.benchmark, mesh, cluster, stack: context.stack };
  new Benchmark("benchmark", args, { ...inCluster, dependsOn: policies });
}

/** Which cluster this is. */
export const clusterSummary = clusterSummaryOf(settings.cluster);
/** Where the applications answer. */
export const urls = urlsOf(settings, nodeAddress);
/** The shell command that points kubectl at this cluster. */
export const kubeconfigCommand = cluster.kubeconfigCommand;
/** The cluster's kubeconfig. */
export const kubeconfig = cluster.kubeconfig;
/** What was not measured, and what stands in for the real thing. */
export const notes = [...notesOf(cluster, charts), ...meshNotes(settings, context.projectRoot)];
