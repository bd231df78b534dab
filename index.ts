import { DeployedApplication } from "./components/apps/deployed-application";
import { configuredApplications } from "./components/apps/registry";
import { Benchmark } from "./components/benchmark/benchmark";
import { createCluster } from "./components/cluster";
import type { Cluster } from "./components/cluster/cluster";
import { DestroyOrder, StackMarker } from "./components/cluster/stacks/stack-order";
import { gatewayCertificates } from "./components/mesh/gateway-certificates";
import { clientCertificates } from "./components/mesh/client-certificates";
import { chartSource, Istio } from "./components/mesh/istio";
import { meshNotes } from "./components/mesh/notes";
import { sidecarRequest } from "./components/mesh/values/istio-charts";
import { clusterIssuers, ownedLayers, sharedClusterOf, stackReferenceOf } from "./components/model/layers";
import { policyMeshConfig } from "./components/model/mesh-config";
import { connectionEntrances } from "./components/model/policies/connection-entrances";
import { egressEntrances } from "./components/model/policies/egress-entrances";
import { hasMeshTelemetry } from "./components/model/policies/telemetry";
import { Observability } from "./components/observability/observability";
import { Platform } from "./components/platform/platform";
import { namespaces } from "./components/platform/namespaces";
import type { ChartSource } from "./components/shared/chart-source";
import type { LayerOptions } from "./components/shared/layer";
import { recoveryHooks } from "./components/shared/recovery";
import { loadStack } from "./components/validation/stack";
import { hasAddons } from "./components/settings/sections/observability";
import { applicationUrls, environmentNotes } from "./components/urls-and-notes";
import type * as verificationLayer from "./components/verification/verification";
import { compilePolicies } from "./policies/compile";
import { MeshPolicies, MeshSecurity } from "./policies/mesh-policies";
import { policyNotes } from "./policies/notes";

// settings -> cluster -> platform -> mesh -> security -> applications -> policies -> verification -> benchmark.
// Observability is installed next to the mesh; verification and benchmark wait for it.

/** Loaded where it is used: its probes and statistics are much of what a program loads. */
function verification(): typeof verificationLayer {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above
  return require("./components/verification/verification") as typeof verificationLayer;
}

type Stack = Awaited<ReturnType<typeof loadStack>>;

/** Pulumi calls it; the result are the stack's outputs. */
export = async function environment() {
  const stack = await loadStack();
  const { context, model, secrets } = stack;
  const { settings } = model;
  const layers = ownedLayers(settings);

  const cluster = createCluster(settings, context, secrets, stack.sharedKubeconfig);
  const { provider, deletedWith } = cluster;
  const inCluster = { provider, deletedWith, hooks: recoveryHooks(cluster, context) };
  const reference = stackReferenceOf(settings.cluster);
  const marker = reference === undefined ? [] : [new StackMarker("stack", { cluster: reference }, inCluster)];

  const charts = chartSource(settings.charts, cluster);
  const platform = new Platform(
    "platform",
    {
      ...settings,
      settings: settings.platform,
      layers,
      cni: cluster.cni,
      cluster,
      stack: settings,
      namespaces: namespaces(settings),
      source: charts,
      secrets,
    },
    { ...inCluster, dependsOn: [cluster.component, ...marker] },
  );
  const mesh = layers.has("mesh") ? deployMesh(stack, { cluster, charts, platform, inCluster }) : undefined;
  if (!layers.has("mesh")) new DestroyOrder("stacks", cluster, { dependsOn: [platform, ...marker, cluster.component] });

  return {
    /** Name, versions and number of nodes of the cluster. */
    clusterSummary: cluster.summary,
    /** Addresses of the applications. */
    urls: mesh ? applicationUrls(settings, cluster.nodeAddress) : [],
    /** Which policies hold, and the path of the report. */
    verification: mesh?.verification ?? [],
    /** The summary of the measured costs, and the folder of the report. */
    benchmark: mesh?.benchmark ?? [],
    /** The shell command that sets KUBECONFIG to this cluster's. */
    kubeconfigCommand: cluster.kubeconfigCommand,
    /** The cluster's kubeconfig. */
    kubeconfig: cluster.kubeconfig,
    /** What a stack with this one as its `cluster.stackReference` is given; the whole stack shares nothing. */
    ...(!layers.has("mesh") && { sharedCluster: sharedClusterOf(model) }),
    /** What is not measured, and which parts are not the real ones. */
    notes: mesh?.notes ?? [],
  };
};

interface Deployed {
  readonly cluster: Cluster;
  readonly charts: ChartSource;
  readonly platform: Platform;
  readonly inCluster: LayerOptions;
}

function deployMesh({ context, model, secrets }: Stack, { cluster, charts, platform, inCluster }: Deployed) {
  const { settings } = model;
  const policyObjects = compilePolicies(model.policies);
  const onPlatform = { ...inCluster, dependsOn: [...platform.foundations] };

  const meshConfig = policyMeshConfig(settings);
  const issuers = { clusterIssuers: clusterIssuers(settings) };
  const istio = new Istio(
    "istio",
    {
      ...settings,
      ...issuers,
      cluster,
      source: charts,
      meshConfig,
      entrances: egressEntrances(model.policies),
      connections: connectionEntrances(model.policies.services),
      secrets,
      loadBalancers: platform.loadBalancers,
      issuers: platform.issuers,
      stack: settings,
    },
    onPlatform,
  );
  gatewayCertificates(
    "gateway-certificates",
    { ...settings, ...issuers, nodeAddress: cluster.nodeAddress, secrets, context },
    { ...inCluster, dependsOn: [...platform.foundations, ...platform.issuers] },
  );

  const certificates = clientCertificates(
    "client-certificates",
    { services: model.policies.externalServices, secrets },
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
        { ...inCluster, dependsOn: [...platform.foundations, ...platform.storage] },
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
  const beforePolicies = [...istio.dataPlane, security, ...applications, ...certificates];
  const policies = new MeshPolicies(
    "policies",
    { objects: policyObjects },
    { ...inCluster, dependsOn: beforePolicies },
  );

  // A component that still starts during a measurement would change the figures.
  const everything = [platform, istio, ...beforePolicies, policies, ...(observability ? [observability] : [])];
  const verified = settings.verification?.enabled
    ? new (verification().Verification)(
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

  return {
    verification: verified?.result,
    benchmark: measurement?.result,
    notes: [
      ...environmentNotes(cluster, charts, settings),
      ...meshNotes(settings, context.projectRoot),
      ...policyNotes(model, policyObjects),
    ],
  };
}
