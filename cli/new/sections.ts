import { officialCharts, talosReleases, versions } from "../../components/settings/versions";
import type { Tree } from "../../components/shared/merge";
import { type Answers, machinesOf, serviceOf } from "./questions";

/** A section of a stack file. Comments say why, and where more is written. */
interface Section {
  readonly comment: string;
  readonly value: unknown;
  /** Above keys of the value, by their path with dots. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** The sections of a new stack file, in its order; undefined are those that it does not need. */
export function sections(stack: string, answers: Answers): Readonly<Record<string, Section | undefined>> {
  const { environment, kind } = answers;
  return {
    environment: {
      comment: "What rules allow: dev, staging or production.",
      value: environment,
    },
    cluster: cluster(stack, answers),
    platform: answers.addresses === undefined ? undefined : platform(answers.addresses),
    charts: {
      comment:
        kind === "embedded"
          ? "Istio's charts; stand-ins where their repository cannot be reached (embedded/charts)."
          : "Where Istio's charts come from; a mirror or a folder: docs/air-gapped.md.",
      value: { source: kind === "embedded" ? "auto" : officialCharts },
    },
    mesh: mesh(answers),
    gateways: answers.gateway === "none" ? undefined : gateways(answers),
    observability: answers.addons === "none" ? undefined : observability(answers),
    ...application(answers),
    security: security(answers),
    verification:
      kind === "embedded"
        ? undefined
        : {
            comment:
              "Sends requests after each deployment that changes a policy, and fails where one does not hold: docs/verification.md.",
            value: {},
          },
  };
}

function cluster(stack: string, { kind, environment, endpoint, kubeconfig, ...answers }: Answers): Section {
  const name = `mesh-${stack}`
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .slice(0, 40)
    .replace(/-+$/, "");
  const [talosVersion] = [...talosReleases.values()].flatMap(({ newest }) => newest ?? []).slice(-1);
  const kubernetesVersion = versions.kubernetes;
  switch (kind) {
    case "embedded":
      return {
        comment:
          "A real control plane on this machine. Its nodes are simulated: no container runs, and no traffic flows.",
        value: { kind, name, workers: 2 },
      };
    case "docker":
      return {
        comment: "Talos in containers on this machine: docs/real-cluster.md#talos-in-containers",
        value: { kind, name, talosVersion, kubernetesVersion, workers: 2, exposedPorts: [30080, 30443] },
        notes: {
          exposedPorts: "Reached at localhost too: on macOS and Windows, the network of the containers is not.",
        },
      };
    case "existing":
      return {
        comment:
          "The stack installs the mesh in it, and does not change the cluster itself: docs/real-cluster.md#an-existing-cluster\n" +
          "`kubernetesVersion: v1.36.3` makes this file's checks compare it with Istio; on Talos, set `talos: true` and\n" +
          "`talosVersion`.",
        value: { kind, name, kubeconfig: { file: kubeconfig } },
      };
    default: {
      const machines = (list: string | undefined, more: Tree) =>
        machinesOf(list ?? "").map((machine) => ({ ...machine, ...more, installDisk: answers.installDisk }));
      return {
        comment:
          "Machines that run Talos: docs/real-cluster.md. `npm run import:talhelper` converts a talconfig instead.",
        value: {
          kind,
          name,
          endpoint,
          talosVersion,
          kubernetesVersion,
          cni: { name: "flannel", kubeNetworkPoliciesEnabled: true },
          nodes: [...machines(answers.controlPlanes, { controlPlane: true }), ...machines(answers.workers, {})],
          ...(environment !== "dev" && { reboot: "staged", etcdSnapshot: { folder: "./snapshots" } }),
          onDestroy: "none",
        },
        notes: {
          endpoint:
            "Where it is not the address of a machine, it needs a load balancer in front of the control planes, or under\n" +
            "`controlPlane`: networkInterfaces: [{ interface: eth0, dhcp: true, vip: { ip: ADDRESS } }]",
          talosVersion: "One minor version at a time: `npm run upgrade`.",
          cni: "flannel enforces NetworkPolicy only with this.",
          ...(environment !== "dev" && {
            reboot: "A changed machine config waits for a planned reboot.",
            etcdSnapshot: "Before each upgrade of a control plane.",
          }),
          onDestroy: "A destroy leaves the machines and their disks as they are; `reset` wipes them.",
        },
      };
    }
  }
}

function platform(addresses: string): Section {
  return {
    comment:
      "What the mesh needs of a cluster. MetalLB gives gateways their addresses, and one node answers for each: docs/platform.md.",
    value: { loadBalancer: { kind: "metallb", addressPools: [{ name: "gateways", addresses: [addresses] }] } },
  };
}

const spread = {
  maxSkew: 1,
  topologyKey: "kubernetes.io/hostname",
  whenUnsatisfiable: "ScheduleAnyway",
  labelSelector: { matchLabels: { app: "istiod" } },
};

function mesh({ dataPlane, environment, application, service, gateway }: Answers): Section {
  const ambient = dataPlane === "ambient";
  const own = application === "own" && serviceOf(service ?? "").namespace;
  const namespaces = application === "bookinfo" ? ["bookinfo"] : own ? [own] : [];
  const waypoints = namespaces.map((each) => ({ namespace: each, ...(gateway !== "none" && { ingress: true }) }));
  return {
    comment: "Istio, and how it is set up: docs/mesh.md. Upgrades: docs/upgrades.md.",
    value: {
      version: versions.istio,
      profile: ambient ? "ambient" : "default",
      dataPlane,
      mtls: "STRICT",
      outboundTrafficPolicy: ambient ? "ALLOW_ANY" : "REGISTRY_ONLY",
      ...(ambient && waypoints.length > 0 && { waypoints }),
      ...(environment !== "dev" && { values: { istiod: { autoscaleMin: 2, topologySpreadConstraints: [spread] } } }),
    },
    notes: {
      mtls: "No workload accepts plain text. PERMISSIVE is for the time of a migration: docs/policies.md.",
      outboundTrafficPolicy: ambient
        ? "ztunnel does not restrict what is called outside of the mesh; NetworkPolicies do: docs/policies.md."
        : "What is not registered cannot be called; `security.egress` allows hosts outside.",
      ...(ambient &&
        waypoints.length > 0 && {
          waypoints: "Rules of requests (methods, paths, routes) need a waypoint in ambient.",
        }),
      ...(environment !== "dev" && {
        values:
          "Two control planes, on two nodes: no pod starts in the mesh while there is none, such as when a node is drained.",
      }),
    },
  };
}

function gateways({ gateway: serviceType, environment, host }: Answers): Section {
  const tls = environment === "production" && host !== undefined;
  return {
    comment: "Where requests from outside enter the mesh: docs/gateways.md, for TLS too.",
    value: {
      ingress: {
        serviceType,
        ...(serviceType === "NodePort" && {
          ports: {
            status: { port: 15021, nodePort: 30021 },
            http: { port: 80, nodePort: 30080 },
            https: { port: 443, nodePort: 30443 },
          },
        }),
        ...(environment !== "dev" && {
          replicas: 2,
          podDisruptionBudget: { minAvailable: 1 },
          antiAffinity: true,
          resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "1Gi" } },
        }),
        ...(tls && { tls: { credentialName: host.replaceAll(".", "-"), plainHttp: "redirect" } }),
      },
    },
    notes: {
      ...(tls && {
        "ingress.tls":
          "A Secret that exists in namespace istio-ingress, with your certificate (tls.crt) and key (tls.key); or `certificate`\n" +
          "and `privateKey` in talos-mesh:secrets: docs/gateways.md.",
      }),
      "ingress.serviceType":
        serviceType === "LoadBalancer"
          ? "The cluster has to assign the address; where nothing does, platform.loadBalancer installs MetalLB: docs/platform.md."
          : "A load balancer in front of the cluster sends requests to these ports of the nodes.",
    },
  };
}

function observability({ addons, environment, storageClass }: Answers): Section {
  const persistent = storageClass !== undefined && storageClass !== "none";
  const storage = (size: string) => (persistent ? { storage: { size, storageClass } } : {});
  const dev = environment === "dev";
  return {
    comment:
      "What watches the mesh: docs/observability.md. `npm run dashboard -- grafana` opens one." +
      (persistent || dev ? "" : "\nWithout `storage: { size, storageClass }`, its data is lost with the pod."),
    value: {
      prometheus: { retention: dev ? "7d" : "30d", ...storage("100Gi") },
      grafana: dev ? { anonymous: true } : storage("5Gi"),
      kiali: dev ? { anonymous: true } : {},
      ...(addons === "all" && {
        tracing: { provider: "jaeger", sampling: dev ? 100 : 1, ...storage("20Gi") },
        ...(persistent && { loki: storage("50Gi") }),
      }),
    },
    notes: dev
      ? { grafana: "No login: for a machine of one's own." }
      : { grafana: "Passwords are created once, and kept in the state as secrets." },
  };
}

/** The application, and how it is reached. */
function application({
  application: name,
  service,
  gateway,
  host,
  environment,
}: Answers): Readonly<Record<string, Section>> {
  const own = name === "own" ? serviceOf(service ?? "") : undefined;
  const exposed = gateway !== "none" && name !== "none";
  const paths = ["/static", "/api/v1/products"].map((prefix) => ({ uri: { prefix } }));
  const pages = ["/productpage", "/login", "/logout"].map((exact) => ({ uri: { exact } }));
  const traffic: Section = {
    comment: "Routes, weights, time limits, retries, circuit breakers: docs/policies.md.",
    value: {
      services: [
        own
          ? { host: own.name, namespace: own.namespace, gateways: ["ingress"], hosts: [host] }
          : { host: "productpage", gateways: ["ingress"], hosts: [host], http: [{ match: [...pages, ...paths] }] },
      ],
    },
  };
  const replicas = environment !== "dev" && {
    replicas: 2,
    resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } },
  };
  return {
    ...(name === "bookinfo" && {
      bookinfo: {
        comment: "Istio's sample application, deployed by this stack.",
        value: { namespace: "bookinfo", injection: "namespace", ...replicas },
      },
    }),
    ...(own && {
      applications: {
        comment:
          "Deployed elsewhere: policies may name its workloads. Pods need the label app: NAME, or `labels` here, and the\n" +
          "namespace the label of the mesh (npm run proxies lists pods without a proxy).",
        value: [
          {
            namespace: own.namespace,
            workloads: [{ name: own.name, serviceAccount: own.name, port: own.port }],
          },
        ],
      },
    }),
    ...(exposed && { traffic }),
  };
}

function security({ application: name, service, gateway }: Answers): Section {
  const own = name === "own" ? serviceOf(service ?? "") : undefined;
  const from = gateway === "none" ? [] : ["ingress"];
  const bookinfo = [
    ...(from.length > 0 ? [{ to: "productpage", from, methods: ["GET", "POST"] }] : []),
    { to: "details", from: ["productpage"], methods: ["GET"], paths: ["/details/*"] },
    { to: "reviews", from: ["productpage"], methods: ["GET"], paths: ["/reviews/*"] },
    { to: "ratings", from: ["reviews"], methods: ["GET"], paths: ["/ratings/*"] },
  ];
  const rules = own && from.length > 0 ? [{ to: own.name, namespace: own.namespace, from }] : [];
  const allow = name === "bookinfo" ? bookinfo : rules;
  return {
    comment:
      "Who may talk to whom, by service account; what no rule allows is denied. `npm run policies -- explain` says why.",
    value: { authorization: { default: "deny", ...(allow.length > 0 && { allow }) } },
  };
}
