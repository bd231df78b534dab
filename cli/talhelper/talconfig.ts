import { z } from "zod";
import { describeIssue } from "../../components/settings/issues";
import { unwrap } from "../../components/settings/schema-walk";
import { isTree } from "../../components/shared/merge";
import { shortPath, type SettingPath } from "../../components/shared/problem";
import type { Notes } from "./notes";

// The keys of a talconfig, as the types of talhelper's pkg/config and of Talos' v1alpha1 have them.

const strings = z.array(z.string()).optional();
const texts = z.record(z.string(), z.string()).optional();
const string = z.string().optional();
const flag = z.boolean().optional();
const number = z.int().optional();
const anything = z.record(z.string(), z.json());

const numbers = <Key extends string>(...keys: readonly Key[]) =>
  Object.fromEntries(keys.map((key) => [key, number])) as Record<Key, typeof number>;
const named = <Key extends string>(...keys: readonly Key[]) =>
  Object.fromEntries(keys.map((key) => [key, string])) as Record<Key, typeof string>;

const deviceSelector = z.object({
  ...named("busPath", "hardwareAddr", "permanentAddr", "pciID", "driver"),
  physical: flag,
});

const link = {
  addresses: strings,
  ...named("cidr"),
  routes: z.array(z.object({ ...named("network", "gateway", "source"), ...numbers("metric", "mtu") })).optional(),
  dhcp: flag,
  dhcpOptions: z.object({ routeMetric: number, ipv4: flag, ipv6: flag, ...named("duidv6") }).optional(),
  mtu: number,
  vip: z.object({ ...named("ip"), equinixMetal: anything.optional(), hcloud: anything.optional() }).optional(),
};

const networkInterface = z.object({
  ...named("interface"),
  deviceSelector: deviceSelector.optional(),
  ...link,
  vlans: z.array(z.object({ vlanId: number, ...link })).optional(),
  bond: z
    .object({
      interfaces: strings,
      deviceSelectors: z.array(deviceSelector).optional(),
      arpIPTarget: strings,
      ...named("mode", "xmitHashPolicy", "lacpRate", "adActorSystem", "arpValidate", "arpAllTargets", "primary"),
      ...named("primaryReselect", "failOverMac", "adSelect"),
      ...numbers("miimon", "updelay", "downdelay", "arpInterval", "resendIgmp", "minLinks", "lpInterval"),
      ...numbers("packetsPerSlave", "numPeerNotif", "tlbDynamicLb", "allSlavesActive", "adActorSysPrio"),
      ...numbers("adUserPortKey", "peerNotifyDelay"),
      useCarrier: flag,
    })
    .optional(),
  bridge: z
    .object({
      interfaces: strings,
      stp: z.object({ enabled: flag }).optional(),
      vlan: z.object({ vlanFiltering: flag }).optional(),
    })
    .optional(),
  bridgePort: z.object(named("master")).optional(),
  ignore: flag,
  dummy: flag,
  wireguard: z
    .object({
      ...named("privateKey"),
      ...numbers("listenPort", "firewallMark"),
      peers: z
        .array(z.object({ ...named("publicKey", "endpoint", "persistentKeepaliveInterval"), allowedIPs: strings }))
        .optional(),
    })
    .optional(),
});

const schematic = z.object({
  owner: string,
  overlay: z.object({ ...named("image", "name"), options: anything.optional() }).optional(),
  customization: z
    .object({
      embeddedMachineConfiguration: string,
      extraKernelArgs: strings,
      meta: z.array(z.object({ key: z.int(), value: z.string() })).optional(),
      systemExtensions: z.object({ officialExtensions: strings }).optional(),
      bootloader: string,
      secureboot: z.object({ enrollKeys: string, includeWellKnownCertificates: flag }).optional(),
      diskImage: z.object({ sectorSize: number }).optional(),
    })
    .optional(),
});

/** talhelper itself takes strings only. */
const patch = z.union([z.string(), anything, z.array(anything)], { error: "expected a patch: text, '@file', or YAML" });

const encryptionKey = z.object({
  slot: number,
  static: z.object(named("passphrase")).optional(),
  nodeID: anything.optional(),
  kms: z.object(named("endpoint")).optional(),
  tpm: z
    .object({
      checkSecurebootStatusOnEnroll: flag,
      options: z.object({ pcrs: z.array(z.int()).optional() }).optional(),
    })
    .optional(),
  lockToState: flag,
});

const volume = {
  name: z.string(),
  provisioning: z
    .object({ diskSelector: z.object(named("match")).optional(), grow: flag, ...named("minSize", "maxSize") })
    .optional(),
  encryption: z
    .object({
      ...named("provider", "cipher"),
      keys: z.array(encryptionKey).optional(),
      ...numbers("keySize", "blockSize"),
      options: strings,
    })
    .optional(),
};

const nodeConfigs = {
  nodeLabels: texts,
  nodeAnnotations: texts,
  nodeTaints: texts,
  machineDisks: z
    .array(
      z
        .object({ device: string, partitions: z.array(z.object({ size: z.json(), mountpoint: string }).partial()) })
        .partial(),
    )
    .optional(),
  machineFiles: z
    .array(z.object({ ...named("path", "op", "content"), permissions: number, skipEnvsubst: flag }))
    .optional(),
  disableSearchDomain: flag,
  kernelModules: z.array(z.object({ name: z.string(), parameters: strings })).optional(),
  nameservers: strings,
  networkInterfaces: z.array(networkInterface).optional(),
  extraManifests: strings,
  certSANs: strings,
  patches: z.array(patch).optional(),
  talosImageURL: string,
  noSchematicValidate: flag,
  schematic: schematic.optional(),
  imageSchematic: anything.optional(),
  machineSpec: z
    .object({ ...named("mode", "arch", "bootMethod", "imageSuffix"), secureboot: flag, useUKI: flag })
    .optional(),
  ingressFirewall: z
    .object({
      defaultAction: string,
      rules: z
        .array(
          z.object({
            name: z.string(),
            portSelector: z.object({ ports: z.array(z.json()).optional(), ...named("protocol") }).optional(),
            ingress: z.array(z.object(named("subnet", "except"))).optional(),
          }),
        )
        .optional(),
    })
    .optional(),
  extensionServices: z
    .array(
      z.object({
        name: z.string(),
        configFiles: z.array(z.object(named("content", "mountPath"))).optional(),
        environment: strings,
      }),
    )
    .optional(),
  volumes: z.array(z.object(volume)).optional(),
  userVolumes: z
    .array(
      z.object({
        ...volume,
        volumeType: string,
        filesystem: z.object({ ...named("type"), projectQuotaSupport: flag }).optional(),
      }),
    )
    .optional(),
  filenameTmpl: string,
};

const node = z.object({
  hostname: z.string(),
  ipAddress: z.string(),
  controlPlane: flag,
  // Of older releases of talhelper; now in machineSpec.
  arch: string,
  installDisk: string,
  installDiskSelector: z
    .object(named("size", "name", "model", "serial", "modalias", "uuid", "wwid", "type", "busPath"))
    .optional(),
  ignoreHostname: flag,
  overridePatches: flag,
  overrideExtraManifests: flag,
  overrideMachineCertSANs: flag,
  ...nodeConfigs,
});

const group = z.object(nodeConfigs);

const version = (example: string) =>
  z.string().regex(/^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, `expected a version such as ${example}`);

const talconfig = z.object({
  clusterName: z.string(),
  talosVersion: version("v1.13.9"),
  kubernetesVersion: version("v1.36.3"),
  endpoint: z.string(),
  domain: string,
  allowSchedulingOnMasters: flag,
  allowSchedulingOnControlPlanes: flag,
  additionalMachineCertSans: strings,
  additionalApiServerCertSans: strings,
  inlineManifests: z.array(z.object({ name: z.string(), contents: z.string(), skipEnvsubst: flag })).optional(),
  clusterPodNets: strings,
  clusterSvcNets: strings,
  cniConfig: z
    .object({
      name: z.string(),
      urls: strings,
      flannel: z.object({ extraArgs: strings, kubeNetworkPoliciesEnabled: flag }).optional(),
    })
    .optional(),
  patches: z.array(patch).optional(),
  imageFactory: z
    .object(named("registryURL", "schematicEndpoint", "protocol", "installerURLTmpl", "ISOURLTmpl"))
    .optional(),
  controlPlane: group.optional(),
  worker: group.optional(),
  nodes: z.array(node).min(1),
});

export type Talconfig = z.output<typeof talconfig>;
export type TalconfigNode = z.output<typeof node>;
export type NodeConfigs = z.output<typeof group>;
export type Patch = z.output<typeof patch>;
export type TalconfigSchematic = z.output<typeof schematic>;

/** Undefined where a value has another type than talhelper takes, with a note for each. Unknown keys get a note only. */
export function parseTalconfig(raw: unknown, notes: Notes): Talconfig | undefined {
  const known = asGoReads(talconfig, raw, [], notes);
  const result = talconfig.safeParse(known);
  // Not the copy, in which keys are in the schema's order.
  if (result.success) return known as Talconfig;
  for (const { path, message } of result.error.issues.flatMap((issue) => describeIssue(issue, talconfig, known, []))) {
    notes.miss(shortPath(path) || "talconfig", message);
  }
  return undefined;
}

const booleans = new Map([
  ...["y", "Y", "yes", "on"].map((word) => [word, true] as const),
  ...["n", "N", "no", "off"].map((word) => [word, false] as const),
]);

/**
 * A value as Go's YAML package decodes it for a field of the schema's type: scalars become strings, words of YAML 1.1
 * booleans, null is the absence of a value, and keys that the type does not have are ignored.
 */
function asGoReads(schema: z.core.$ZodType, value: unknown, at: SettingPath, notes: Notes): unknown {
  const type = unwrap(schema);
  if (Array.isArray(value)) {
    return value.map((entry: unknown, index) =>
      type instanceof z.ZodArray ? asGoReads(type.element, entry, [...at, index], notes) : withoutNull(entry),
    );
  }
  if (isTree(value) && type instanceof z.ZodObject) {
    const shape = new Map<string, z.core.$ZodType>(Object.entries(type.shape));
    const entries = Object.entries(value).flatMap(([key, inner]) => {
      const field = shape.get(key);
      if (!field) notes.lose(shortPath([...at, key]), "not a key of a talconfig");
      return field && inner !== null ? [[key, asGoReads(field, inner, [...at, key], notes)]] : [];
    });
    return Object.fromEntries(entries);
  }
  if (isTree(value) && type instanceof z.ZodRecord && type.valueType instanceof z.ZodString) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inner === null ? "" : asText(inner)]));
  }
  if (type instanceof z.ZodString) return asText(value);
  if (type instanceof z.ZodBoolean && typeof value === "string") return booleans.get(value) ?? value;
  return withoutNull(value);
}

function asText(value: unknown): unknown {
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNull(inner)]])),
  );
}
