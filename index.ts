import { DeployedApplication } from "./components/apps/deployed-application";
import { configuredApplications } from "./components/apps/registry";
import { Benchmark } from "./components/benchmark/benchmark";
import { createCluster } from "./components/cluster";
import { gatewayCertificates } from "./components/mesh/gateway-certificates";
import { chartSource, Istio } from "./components/mesh/istio";
import { meshNotes } from "./components/mesh/notes";
import { sidecarRequest } from "./components/mesh/values/istio-charts";
import { policyMeshConfig } from "./components/model/mesh-config";
import { connectionEntrances } from "./components/model/policies/connection-entrances";
import { egressEntrances } from "./components/model/policies/egress-entrances";
import { hasMeshTelemetry } from "./components/model/policies/telemetry";
import { Observability } from "./components/observability/observability";
import { Platform } from "./components/platform/platform";
import { namespaces } from "./components/platform/namespaces";
import { recoveryHooks } from "./components/shared/recovery";
import { loadStack } from "./components/validation/stack";
import { hasAddons } from "./components/settings/sections/observability";
import { applicationUrls, environmentNotes } from "./components/urls-and-notes";
import { Verification } from "./components/verification/verification";
import { compilePolicies } from "./policies/compile";
import { MeshPolicies, MeshSecurity } from "./policies/mesh-policies";
import { policyNotes } from "./policies/notes";

// settings -> cluster -> platform -> mesh -> security -> applications -> policies -> verification -> benchmark.
// Observability is installed next to the mesh; verification and benchmark wait for it.
const { context, model, secrets } = loadStack();
const { settings } = model;
const policyObjects = compilePolicies(model.policies);

const cluster = createCluster(settings, context, secrets);
const { provider, deletedWith } = cluster;
const inCluster = { provider, deletedWith, hooks: recoveryHooks(cluster, context) };

const charts = chartSource(settings.charts, cluster);
const platform = new Platform(
  "platform",
  {
    ...settings,
    settings: settings.platform,
    stack: settings,
    namespaces: namespaces(settings),
    source: charts,
    secrets,
  },
  { ...inCluster, dependsOn: cluster.component },
);
const onPlatform = { ...inCluster, dependsOn: [...platform.foundations] };

const meshConfig = policyMeshConfig(settings);
const istio = new Istio(
  "istio",
  {
    ...settings,
    cluster,
    source: charts,
    meshConfig,
    entrances: egressEntrances(model.policies),
    connections: connectionEntrances(model.policies.services),
    loadBalancers: platform.loadBalancers,
  },
  onPlatform,
);
gatewayCertificates(
  "gateway-certificates",
  { ...settings, nodeAddress: cluster.nodeAddress, secrets, context },
  onPlatform,
);

const observability = hasAddons(settings.observability)
  ? new Observability(
      "observability",
      {
        ...settings,
        settings: settings.observability,
        meshTelemetry: hasMeshTelemetry(settings),
        source: charts,
        secrets,
        context,
        istio,
      },
      onPlatform,
    )
  : undefined;

// Each of the two takes its own kinds of objects.
const security = new MeshSecurity(
  "security",
  { objects: policyObjects },
  { ...inCluster, dependsOn: [...istio.dataPlane] },
);
const applications = configuredApplications(settings).map((application) => {
  const sidecar = sidecarRequest(application.settings.namespace, { ...settings, cluster });
  const args = { images: settings.images, waypoints: settings.mesh.waypoints, sidecar, cluster };
  return new DeployedApplication(application, args, { ...inCluster, dependsOn: [...istio.dataPlane, security] });
});

// `dependsOn` a component waits for all its children; a component may have none.
const beforePolicies = [...istio.dataPlane, security, ...applications];
const policies = new MeshPolicies("policies", { objects: policyObjects }, { ...inCluster, dependsOn: beforePolicies });

// A component that still starts during a measurement would change the figures.
const everything = [platform, istio, ...beforePolicies, policies, ...(observability ? [observability] : [])];
const verified = settings.verification?.enabled
  ? new Verification(
      "verification",
      { settings: settings.verification, model, policies: policyObjects, cluster, stack: context.stack, secrets },
      { ...inCluster, dependsOn: everything },
    )
  : undefined;
const measurement = settings.benchmark
  ? new Benchmark(
      "benchmark",
      { ...settings, settings: settings.benchmark, cluster, stack: context.stack },
      { ...inCluster, dependsOn: [...everything, ...(verified ? [verified] : [])] },
    )
  : undefined;

/** Name, versions and number of nodes of the cluster. */
export const clusterSummary = cluster.summary;
/** Addresses of the applications. */
export const urls = applicationUrls(settings, cluster.nodeAddress);
/** Which policies hold, and the path of the report. */
export const verification = verified?.result ?? [];
/** The summary of the measured costs, and the folder of the report. */
export const benchmark = measurement?.result ?? [];
/** The shell command that sets KUBECONFIG to this cluster's. */
export const kubeconfigCommand = cluster.kubeconfigCommand;
/** The cluster's kubeconfig. */
export const kubeconfig = cluster.kubeconfig;
/** What is not measured, and which parts are not the real ones. */
export const notes = [
  ...environmentNotes(cluster, charts, settings),
  ...meshNotes(settings, context.projectRoot),
  ...policyNotes(model, policyObjects),
];
