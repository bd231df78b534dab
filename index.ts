import { DeployedApplication } from "./components/apps/deployed-application";
import { configuredApplications } from "./components/apps/registry";
import { Benchmark } from "./components/benchmark/benchmark";
import { cluster as clusterOf } from "./components/cluster";
import { clusterTraits } from "./components/cluster/kinds";
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

// All that came before, each by its name: who waits for a layer waits for what is in it, and a layer may be empty.
const standing = [istio, security, ...applications];
const policies = new MeshPolicies("policies", { objects }, { ...inCluster, dependsOn: standing });

// Whatever still starts would be measured with it.
const last = { ...inCluster, dependsOn: [...standing, policies, ...(observability ? [observability] : [])] };
const asked = settings.benchmark && { ...settings, settings: settings.benchmark, cluster, stack: context.stack };
const measured = asked && new Benchmark("benchmark", asked, last);

/** Which cluster this is. */
export const clusterSummary = clusterTraits(settings.cluster).summary;
/** Where the applications answer. */
export const urls = urlsOf(settings, cluster.nodeAddress);
/** What the mesh costs, in words, and the folder of the whole report. */
export const benchmark = measured?.result ?? [];
/** The shell command that points kubectl at this cluster. */
export const kubeconfigCommand = cluster.kubeconfigCommand;
/** The cluster's kubeconfig. */
export const kubeconfig = cluster.kubeconfig;
/** What was not measured, and what stands in for the real thing. */
export const notes = [
  ...notesOf(cluster, charts, settings),
  ...meshNotes(settings, context.projectRoot),
  ...policyNotes(settings, objects),
];
