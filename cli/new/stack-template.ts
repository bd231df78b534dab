import path from "node:path";
import { Document, isCollection, isMap, isScalar, type Node, type Pair, visit } from "yaml";
import { officialCharts, talosReleases, versions } from "../../components/settings/versions";
import type { Tree } from "../../components/shared/merge";
import { namespace } from "../../components/shared/problem";
import { commandFor, type StackChoice } from "../stack-option";
import { type Answers, machinesOf, serviceOf } from "./questions";

/** A section of a stack file. Comments say why, and where more is written. */
interface Section {
  readonly comment: string;
  readonly value: unknown;
  /** Above keys of the value, by their path with dots. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** Text of the stack file that the answers describe. */
export function stackTemplate({ stack, configFile, projectRoot }: StackChoice, answers: Answers): string {
  const document = new Document({ config: {} });
  const schema = path.relative(path.dirname(configFile), path.join(projectRoot, "talos-mesh.schema.json"));
  document.commentBefore = [
    ` yaml-language-server: $schema=${schema.startsWith(".") ? schema : `./${schema}`}`,
    "",
    ` ${stack}: written by \`npm run new\`. All settings: docs/stack-file.md; an editor with a YAML language server completes them.`,
  ].join("\n");
  const config = document.get("config");
  if (!isMap(config)) throw new Error("config is a mapping");
  for (const [name, section] of Object.entries(sections(stack, answers))) {
    if (section === undefined) continue;
    const pair = document.createPair(`${namespace}:${name}`, section.value);
    comment(pair, section.comment, config.items.length > 0);
    for (const [at, note] of Object.entries(section.notes ?? {})) comment(pairAt(pair.value, at.split(".")), note);
    config.items.push(pair);
    if (isCollection(pair.value)) compact(pair.value);
  }
  config.flow = false;
  // As prettier writes lists; nothing else in the file has spaces there.
  return document.toString({ lineWidth: 116 }).replace(/(?<=\[) | (?=\])/g, "");
}

function comment(pair: Pair<unknown, unknown> | undefined, text: string, spaceBefore = false): void {
  if (pair === undefined || !isScalar(pair.key)) throw new Error(`nothing to comment: ${text}`);
  pair.key.commentBefore = text.replace(/^/gm, " ");
  pair.key.spaceBefore = spaceBefore;
}

function pairAt(node: unknown, [key, ...rest]: readonly string[]): Pair | undefined {
  const pair = isMap(node) ? node.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
  return rest.length === 0 ? pair : pairAt(pair?.value, rest);
}

/** Puts collections without comments that are short on one line, but for the section itself. */
function compact(section: Node): void {
  visit(section, {
    Collection(_key, node) {
      let commented = false;
      visit(node, { Scalar: (_, { commentBefore }) => void (commented ||= commentBefore !== undefined) });
      if (node === section || commented || JSON.stringify(node).length > 90) return undefined;
      node.flow = true;
      return visit.SKIP;
    },
  });
}

function sections(stack: string, answers: Answers): Readonly<Record<string, Section | undefined>> {
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
      ...(environment !== "dev" && { values: { istiod: { autoscaleMin: 2 } } }),
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
        values: "Two control planes: no pod starts in the mesh while there is none, such as when its node is drained.",
      }),
    },
  };
}

function gateways({ gateway: serviceType, environment }: Answers): Section {
  const production = environment !== "dev";
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
        ...(production && {
          replicas: 2,
          podDisruptionBudget: { minAvailable: 1 },
          resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "1Gi" } },
        }),
      },
    },
    notes: {
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

/** What to do with the new file, in order. */
export function nextSteps(stack: string, { kind, environment, application: name }: Answers): string[] {
  const option = `--stack ${stack}`;
  const needs = {
    docker: "start Docker; install talosctl, kubectl and the Pulumi CLI",
    talos: "boot the machines from Talos' image; install talosctl, kubectl and the Pulumi CLI",
    existing: "install the Pulumi CLI",
  };
  const backend = environment !== "dev" && "log in to a backend that others share: pulumi login, or PULUMI_BACKEND_URL";
  const steps = [
    "read the file, and change what is different with you",
    kind !== "embedded" && needs[kind as keyof typeof needs],
    backend,
    name === "own" && "add the other workloads of the application, and who may call them: docs/policies.md",
    `see what is missing here: npm run doctor -- ${option}`,
    `see every object, without a cluster: npm run render -- ${option} --out out/${stack}`,
    `deploy it: ${commandFor("npm start", stack)}`,
  ].filter((step) => step !== false);
  return ["Next:", ...steps.map((step, index) => `  ${index + 1}. ${step}`)];
}
