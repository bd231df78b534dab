import { DeployedApplication } from "./components/apps/deployed-application";
import { configuredApplications } from "./components/apps/registry";
import { Benchmark } from "./components/benchmark/benchmark";
import { cluster as clusterOf } from "./components/cluster";
import { gatewayCertificates } from "./components/mesh/gateway-certificates";
import { chartSource, Istio } from "./components/mesh/istio";
import { meshNotes } from "./components/mesh/notes";
import { sidecarRequest } from "./components/mesh/values/istio-charts";
import { policyMeshConfig } from "./components/model/mesh-config";
import { Observability } from "./components/observability/observability";
import { Platform } from "./components/platform/platform";
import { namespaces } from "./components/platform/namespaces";
import { loadStack } from "./components/validation/stack";
import { hasAddons } from "./components/settings/sections/observability";
import { notes as notesOf, urls as urlsOf } from "./components/summary";
import { compilePolicies } from "./policies/compile";
import { MeshPolicies, MeshSecurity } from "./policies/mesh-policies";
import { policyNotes } from "./policies/network-policies";

// One direction: settings -> cluster -> platform -> mesh -> applications -> policies -> outputs.
const { context, model, secrets } = loadStack();
const { settings } = model;
const objects = compilePolicies(model.policies);

const cluster = clusterOf(settings, context, secrets);
const charts = chartSource(settings.charts, cluster);
const inCluster = { provider: cluster.provider, deletedWith: cluster.deletedWith };
const platform = new Platform(
  "platform",
  { ...settings, settings: settings.platform, namespaces: namespaces(settings), secrets },
  { ...inCluster, dependsOn: cluster.component },
);
const onPlatform = { ...inCluster, dependsOn: platform };
const istio = new Istio(
  "istio",
  { ...settings, cluster, source: charts, meshConfig: policyMeshConfig(settings) },
  onPlatform,
);
gatewayCertificates("gateway-certificates", { ...settings, ...cluster, secrets, context }, onPlatform);

const addons = hasAddons(settings.observability) && settings.observability;
const observabilityArgs = { ...settings, source: charts, secrets, context, istio };
const observability =
  addons && new Observability("observability", { ...observabilityArgs, settings: addons }, onPlatform);

const security = new MeshSecurity("security", { objects }, { ...inCluster, dependsOn: istio });
const applications = configuredApplications(settings).map(
  (application) =>
    new DeployedApplication(
      application,
      {
        images: settings.images,
        sidecar: sidecarRequest(application.settings.namespace, { ...settings, cluster }),
        waypoints: settings.mesh.waypoints,
        cluster,
      },
      { ...inCluster, dependsOn: [istio, security] },
    ),
);

// Each layer by its name: to depend on a layer is to depend on what is in it, and a layer may be empty.
const deployedLayers = [istio, security, ...applications];
const policies = new MeshPolicies("policies", { objects }, { ...inCluster, dependsOn: deployedLayers });

// A component that still starts during a measurement would change the figures.
const afterEverything = [...deployedLayers, policies, ...(observability ? [observability] : [])];
const benchmarkArgs = settings.benchmark && {
  ...settings,
  settings: settings.benchmark,
  cluster,
  stack: context.stack,
};
const measurement =
  benchmarkArgs && new Benchmark("benchmark", benchmarkArgs, { ...inCluster, dependsOn: afterEverything });

/** Name, versions and number of nodes of the cluster. */
export const clusterSummary = cluster.summary;
/** Addresses of the applications. */
export const urls = urlsOf(settings, cluster.nodeAddress);
/** The summary of the measured costs, and the folder of the report. */
export const benchmark = measurement?.result ?? [];
/** The shell command that sets KUBECONFIG to this cluster's. */
export const kubeconfigCommand = cluster.kubeconfigCommand;
/** The cluster's kubeconfig. */
export const kubeconfig = cluster.kubeconfig;
/** What is not measured, and which parts are not the real ones. */
export const notes = [
  ...notesOf(cluster, charts, settings),
  ...meshNotes(settings, context.projectRoot),
  ...policyNotes(settings, objects),
];
