import { z } from "zod";
import { exactlyOneOf, form, freeForm, ipAddress, portDigits, some } from "../../settings/fields";
import { count, uint32 } from "../../settings/quantities";

// What Talos itself has types for, under Talos' own names: a node refuses any other key or form of a value when its machine
// config is applied. Source: siderolabs/talos, pkg/machinery/config/types and pkg/machinery/nethelpers.

const text = z.string().min(1);
const uint8 = 2 ** 8 - 1;
const uint16 = 2 ** 16 - 1;

const optional = <Key extends string, Schema extends z.ZodType>(schema: Schema, ...keys: readonly Key[]) =>
  Object.fromEntries(keys.map((key) => [key, schema.optional()])) as Record<Key, z.ZodOptional<Schema>>;

const network = z.union([z.cidrv4(), z.cidrv6()], { error: "expected a CIDR such as 192.0.2.0/24" });
const address = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: "expected an IP address or a CIDR such as 192.0.2.10/24",
});

/** Names of Linux. Source: kernel, net/core/dev.c, dev_valid_name. */
const interfaceName = form("(?!\\.{1,2}$)[^\\s/:%]{1,15}", "expected the name of an interface such as eth0");

/** A mapping that selects nothing where it is empty. */
const selector = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z
    .strictObject(shape)
    .refine((value) => Object.keys(value).length > 0, {
      error: `found no key; expected at least one of: ${Object.keys(shape).join(", ")}`,
    })
    .meta({ minProperties: 1 });

const deviceSelector = selector({
  ...optional(text, "busPath", "hardwareAddr", "permanentAddr", "pciID", "driver"),
  physical: z.boolean().optional(),
});

const link = {
  addresses: z.array(address).optional(),
  cidr: address.optional(),
  routes: z
    .array(
      z.strictObject({
        network: network.optional(),
        ...optional(ipAddress, "gateway", "source"),
        ...optional(count(0, uint32), "metric", "mtu"),
      }),
    )
    .optional(),
  dhcp: z.boolean().optional(),
  dhcpOptions: z
    .strictObject({
      routeMetric: count(0, uint32).optional(),
      ...optional(z.boolean(), "ipv4", "ipv6"),
      duidv6: text.optional(),
    })
    .optional(),
  mtu: count(0, uint32).optional(),
  vip: z
    .strictObject({ ip: ipAddress, ...optional(z.strictObject({ apiToken: text }), "equinixMetal", "hcloud") })
    .optional(),
};

const bond = z.strictObject({
  ...optional(z.array(interfaceName), "interfaces"),
  deviceSelectors: z.array(deviceSelector).optional(),
  mode: z.enum(["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"]),
  xmitHashPolicy: z.enum(["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4"]).optional(),
  lacpRate: z.enum(["slow", "fast"]).optional(),
  arpValidate: z.enum(["none", "active", "backup", "all", "filter", "filter-active", "filter-backup"]).optional(),
  arpAllTargets: z.enum(["any", "all"]).optional(),
  primary: interfaceName.optional(),
  primaryReselect: z.enum(["always", "better", "failure"]).optional(),
  failOverMac: z.enum(["none", "active", "follow"]).optional(),
  adSelect: z.enum(["stable", "bandwidth", "count"]).optional(),
  ...optional(count(0, uint32), "miimon", "updelay", "downdelay", "arpInterval", "resendIgmp", "minLinks"),
  ...optional(count(0, uint32), "lpInterval", "packetsPerSlave", "peerNotifyDelay"),
  ...optional(count(0, uint8), "numPeerNotif", "tlbDynamicLb", "allSlavesActive"),
  ...optional(count(0, uint16), "adActorSysPrio", "adUserPortKey"),
  useCarrier: z.boolean().optional(),
});

const wireguardKey = form("[A-Za-z0-9+/]{43}=", "expected a WireGuard key, 32 bytes in Base64");

export const networkInterface = exactlyOneOf(
  {
    interface: interfaceName.optional(),
    deviceSelector: deviceSelector.optional(),
    ...link,
    vlans: z.array(z.strictObject({ vlanId: count(1, 4094), ...link })).optional(),
    bond: bond.optional(),
    bridge: z
      .strictObject({
        interfaces: z.array(interfaceName).optional(),
        stp: z.strictObject(optional(z.boolean(), "enabled")).optional(),
        vlan: z.strictObject(optional(z.boolean(), "vlanFiltering")).optional(),
      })
      .optional(),
    bridgePort: z.strictObject({ master: interfaceName }).optional(),
    ...optional(z.boolean(), "ignore", "dummy"),
    wireguard: z
      .strictObject({
        privateKey: wireguardKey,
        listenPort: count(0, uint16).optional(),
        firewallMark: count(0, uint32).optional(),
        peers: some(
          z.strictObject({
            publicKey: wireguardKey,
            ...optional(text, "endpoint", "persistentKeepaliveInterval"),
            allowedIPs: z.array(network).optional(),
          }),
        ),
      })
      .optional(),
  },
  ["interface", "deviceSelector"],
);

const bytes = "\\d[\\d.,]* ?([kKmMgGtTpPeE]?[iI]?[bB]?)";
const size = form(`(${bytes}|\\d{1,3}%)`, "expected a size such as 50GiB, or a share such as 80%");

/** A volume of Talos itself; further volumes are `documents` of kind UserVolumeConfig. */
export const volume = z.strictObject({
  name: z.enum(["STATE", "EPHEMERAL", "IMAGECACHE"]),
  provisioning: z
    .strictObject({
      diskSelector: z.strictObject({ match: text.describe("An expression in CEL.") }).optional(),
      grow: z.boolean().optional(),
      minSize: size.optional(),
      maxSize: size.optional(),
    })
    .optional(),
  encryption: freeForm.optional(),
  mount: freeForm.optional(),
});

export const extensionService = z
  .strictObject({
    name: text,
    configFiles: some(z.strictObject({ content: text, mountPath: z.string().startsWith("/") })),
    environment: some(form("[^=\\s]+=[^]*", "expected NAME=value")),
  })
  .refine(({ configFiles, environment }) => configFiles !== undefined || environment !== undefined, {
    error: "found neither configFiles nor environment; expected one of them, or both",
  })
  .meta({ anyOf: [{ required: ["configFiles"] }, { required: ["environment"] }] });

const portRange = z.union([count(0, uint16), z.string().regex(new RegExp(`^(0|${portDigits})-(0|${portDigits})$`))], {
  error: 'expected a port, or a range of ports such as "10250-10260"',
});

export const ingressFirewall = z.strictObject({
  defaultAction: z.enum(["accept", "block"]).default("block"),
  rules: z
    .array(
      z.strictObject({
        name: text,
        portSelector: z.strictObject({
          ports: z.array(portRange).min(1),
          protocol: z.enum(["tcp", "udp", "icmp", "icmpv6"]),
        }),
        ingress: z.array(z.strictObject({ subnet: network, except: network.optional() })),
      }),
    )
    .default([]),
});

/** A Talos config document of any other kind. */
export const configDocument = z
  .looseObject({
    apiVersion: z.literal("v1alpha1"),
    kind: form("[A-Z][A-Za-z0-9]*", "expected a kind such as UserVolumeConfig"),
  })
  .catchall(z.json());

export const diskSelector = selector({
  size: form(`(>=|<=|>|<|==)?\\s*${bytes}`, "expected a size such as '>= 100GB'").optional(),
  ...optional(text, "name", "model", "serial", "modalias", "uuid", "wwid", "busPath"),
  type: z.enum(["ssd", "hdd", "nvme", "sd"]).optional(),
});

export const kernelModule = z.strictObject({
  name: form("[A-Za-z0-9][-A-Za-z0-9_.]*", "expected the name of a kernel module such as br_netfilter"),
  parameters: z.array(text).optional(),
});

export const inlineManifest = z.strictObject({
  name: form("[^]*\\S[^]*", "expected a name that is not blank"),
  contents: z.string(),
});
