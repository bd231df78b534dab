import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { secretRef } from "../../settings/fields";
import { resources } from "../../settings/quantities";
import { compareMinor, minorOf } from "../../settings/versions";
import { isTree } from "../../shared/merge";
import { messageOf } from "../../shared/problem";
import { unprivileged } from "../../shared/kubernetes/object";
import {
  type AddonContext,
  anonymousRefusal,
  type Chart,
  type DashboardConfigMap,
  type Datasource,
  defineAddon,
  exposure,
  imageParts,
  serviceUrl,
  storage,
  storageRefusal,
  url,
  valuesIn,
  volume,
} from "./addon";
import { policiesDashboard } from "./policies-dashboard";
import { needsPrometheus } from "./prometheus";

export const grafanaService = { name: "grafana", port: 3000 } as const;

export const grafanaLogin = {
  secret: "grafana-admin",
  user: "admin",
  userKey: "admin-user",
  passwordKey: "admin-password",
} as const;

const chart = {
  name: "grafana",
  product: "Grafana",
  version: "12.11.1",
  // The grafana-community project maintains this chart since 2026; the repository of Grafana Labs has old versions only.
  repository: "https://grafana-community.github.io/helm-charts",
  images: { server: "docker.io/grafana/grafana:13.2.0", download: "docker.io/curlimages/curl:8.21.0" },
} as const satisfies Chart;

const settings = z.strictObject({
  adminPassword: secretRef.optional().describe("Default: generated once and kept in the state."),
  anonymous: z.boolean().default(false).describe("Read access without a login; dev only."),
  dashboards: z
    .union([z.enum(["official", "none"]), z.string().regex(/^(\.{1,2}\/|\/)\S+/)], {
      error: "expected official, none, or a folder with JSON files (./dashboards)",
    })
    .default("official")
    .describe(
      "Istio's own dashboards: with `official`, Grafana's pod downloads those of the mesh's version from github.com when it starts; " +
        "a folder with JSON files is for a site without internet access. The project's own dashboard is always installed.",
    ),
  url: url.optional().describe("Where people reach Grafana; Kiali then links to it."),
  expose: exposure.optional(),
  storage: storage.optional(),
  resources: resources.optional(),
});

type Settings = z.output<typeof settings>;

export const grafana = defineAddon({
  name: "grafana",
  settings,
  releases: [
    {
      name: grafanaService.name,
      page: {
        port: grafanaService.port,
        path: "/",
        example: "grafana: {}",
        login: ({ anonymous }) => {
          const { user, secret, passwordKey: key } = grafanaLogin;
          return anonymous ? { kind: "none" } : { kind: "password", user, secret, key };
        },
      },
      chart,
      images: ({ dashboards }, { server = "", download = "" }) =>
        dashboards === "official" ? [server, download] : [server],
      values,
    },
  ],
  secrets: [
    {
      name: grafanaLogin.secret,
      key: grafanaLogin.passwordKey,
      field: "adminPassword",
      generated: "grafana-password",
      plain: { [grafanaLogin.userKey]: grafanaLogin.user },
    },
  ],
  dashboards: ({ dashboards }, projectRoot) => [
    {
      title: "talos-mesh",
      configMap: "dashboards-talos-mesh",
      files: { "policies.json": JSON.stringify(policiesDashboard()) },
    },
    ...(isFolder(dashboards) ? dashboardConfigMaps(readDashboards(path.resolve(projectRoot, dashboards)).files) : []),
  ],
  checks: [
    needsPrometheus,
    anonymousRefusal,
    ({ storage }, stack) => storageRefusal(storage, stack),
    ({ dashboards }, { projectRoot }) => {
      if (!isFolder(dashboards)) return undefined;
      const { problems } = readDashboards(path.resolve(projectRoot, dashboards));
      return { dashboards: problems.map((problem) => `found ${dashboards}; ${problem}`) };
    },
  ],
});

function values(settings: Settings, context: AddonContext) {
  const { namespace, mesh, image, datasources, dashboards } = context;
  const download = settings.dashboards === "official";
  const folders = [
    ...(download ? [{ name: "istio", folder: "Istio" }] : []),
    ...dashboards.map(({ title, configMap }) => ({ name: configMap, folder: title })),
  ];
  return valuesIn("grafana.yaml", settings, context, {
    ...grafanaLogin,
    ...imageParts(image(chart.images.server)),
    downloadImage: imageParts(image(chart.images.download)),
    containerSecurityContext: { ...unprivileged, privileged: false },
    port: grafanaService.port,
    volume: volume(settings.storage, "storageClassName"),
    // Two pods cannot mount the volume at once, so the old pod is deleted first.
    deploymentStrategy: settings.storage && { type: "Recreate" },
    anonymous: settings.anonymous,
    server: settings.url && { root_url: settings.url },
    datasources: datasources.map((each) => datasource(each, namespace)),
    providers: folders.map(({ name, folder }) => ({
      name,
      folder,
      orgId: 1,
      type: "file",
      disableDeletion: true,
      options: { path: `/var/lib/grafana/dashboards/${name}` },
    })),
    downloads: download ? { istio: officialDashboards(mesh.version) } : undefined,
    // The chart's own options of curl accept any certificate.
    curlOptions: download ? "-fsSL --retry 3" : undefined,
    configMaps: Object.fromEntries(dashboards.map(({ configMap }) => [configMap, configMap])),
  });
}

/** Dashboards refer to datasources by uid. */
function datasource({ title, type, port, options }: Datasource, namespace: string): object {
  return {
    name: title,
    type,
    uid: type,
    url: serviceUrl({ name: type, port }, namespace),
    access: "proxy",
    orgId: 1,
    editable: false,
    ...options,
  };
}

/**
 * Where the pod downloads Istio's own dashboards of the installed release: from Istio's repository, not from grafana.com,
 * where a revision names no version of Istio. Source: istio/istio, manifests/addons/dashboards at the tag of the release.
 */
function officialDashboards(istioVersion: string): Readonly<Record<string, { readonly url: string }>> {
  const minor = minorOf(istioVersion);
  const generated = (file: string, since: string) => `${file}${compareMinor(minor, since) < 0 ? "" : ".gen"}.json`;
  const files: Record<string, string> = {
    mesh: generated("istio-mesh-dashboard", "1.24"),
    service: "istio-service-dashboard.json",
    workload: "istio-workload-dashboard.json",
    performance: "istio-performance-dashboard.json",
    "control-plane": generated("pilot-dashboard", "1.23"),
    extension: "istio-extension-dashboard.json",
    ...(compareMinor(minor, "1.23") >= 0 && { ztunnel: "ztunnel-dashboard.gen.json" }),
  };
  const base = `https://raw.githubusercontent.com/istio/istio/${istioVersion}/manifests/addons/dashboards`;
  return Object.fromEntries(Object.entries(files).map(([name, file]) => [name, { url: `${base}/${file}` }]));
}

/** A ConfigMap holds at most 1 MiB. */
const maxBytes = 1_000_000;

function isFolder(dashboards: string): boolean {
  return dashboards !== "official" && dashboards !== "none";
}

/** The dashboards in a folder by file name, sorted and without white space, which is most of such a file. */
function readDashboards(folder: string): { files: ReadonlyMap<string, string>; problems: readonly string[] } {
  const files = new Map<string, string>();
  const problems: string[] = [];
  try {
    const names = readdirSync(folder).filter((file) => file.endsWith(".json"));
    if (names.length === 0) problems.push(`there is no .json file in ${folder}`);
    for (const name of names.sort()) {
      try {
        const dashboard: unknown = JSON.parse(readFileSync(path.join(folder, name), "utf8"));
        const content = JSON.stringify(dashboard);
        const size = Buffer.byteLength(content) + name.length;
        if (!isTree(dashboard) || !("title" in dashboard)) problems.push(`${name} is no dashboard: it has no title`);
        else if (size > maxBytes) problems.push(`${name} has ${size} bytes; a ConfigMap holds ${maxBytes}`);
        else files.set(name, content);
      } catch (error) {
        problems.push(`${name}: ${messageOf(error)}`);
      }
    }
  } catch (error) {
    problems.push(String(error));
  }
  return { files, problems };
}

/** The files in as few ConfigMaps as hold them, in their order. */
function dashboardConfigMaps(files: ReadonlyMap<string, string>): DashboardConfigMap[] {
  const folders: Record<string, string>[] = [];
  let room = 0;
  for (const [name, content] of files) {
    const size = Buffer.byteLength(content) + name.length;
    if (size > room) {
      folders.push({});
      room = maxBytes;
    }
    Object.assign(folders.at(-1) ?? {}, { [name]: content });
    room -= size;
  }
  return folders.map((each, index) => ({ title: "Istio", configMap: `dashboards-istio-${index + 1}`, files: each }));
}
