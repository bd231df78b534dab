import * as documents from "../../components/cluster/kinds/machine-documents";
import { checkFormats, type Formats } from "../settings/check-formats";

/** What Talos takes, and what a node refuses when its machine config is applied. */
const formats: Formats = {
  "network interface": [
    documents.networkInterface,
    [
      { interface: "eth0", dhcp: true, vip: { ip: "192.0.2.10" } },
      { interface: "bond0", bond: { mode: "802.3ad", interfaces: ["eth0", "eth1"], lacpRate: "fast" } },
      { deviceSelector: { hardwareAddr: "00:*" }, addresses: ["192.0.2.1/24", "2001:db8::1"], mtu: 9000 },
      { interface: "eth0", routes: [{ network: "0.0.0.0/0", gateway: "192.0.2.1" }], vlans: [{ vlanId: 4094 }] },
    ],
    [
      null,
      {},
      { interface: null },
      { interface: "a b" },
      { interface: "longer-than-15-ch" },
      { interface: "eth0", deviceSelector: { driver: "virtio" } },
      { deviceSelector: {} },
      { interface: "eth0", adresses: [] },
      { interface: "eth0", addresses: [null] },
      { interface: "eth0", addresses: ["192.0.2.300/24"] },
      { interface: "eth0", mtu: -1 },
      { interface: "eth0", dhcp: "yes" },
      { interface: "eth0", vip: {} },
      { interface: "eth0", vip: { ip: "192.0.2.1/24" } },
      { interface: "eth0", vlans: [{ vlanId: 4095 }] },
      { interface: "eth0", vlans: [null] },
      { interface: "eth0", routes: [{ network: "x" }] },
      { interface: "eth0", bond: { mode: "fast" } },
      { interface: "wg0", wireguard: { privateKey: "secret" } },
    ],
  ],
  volume: [
    documents.volume,
    [
      {
        name: "EPHEMERAL",
        provisioning: { minSize: "2GiB", maxSize: "80%", diskSelector: { match: "system_disk" } },
      },
    ],
    [{}, { name: "data" }, { name: "EPHEMERAL", size: 1 }, { name: "EPHEMERAL", provisioning: { minSize: "big" } }],
  ],
  "extension service": [
    documents.extensionService,
    [
      { name: "a", environment: ["A=b", "C="] },
      { name: "a", configFiles: [{ content: "x", mountPath: "/etc/x" }] },
    ],
    [
      {},
      { name: "a" },
      { name: "a", environment: ["A"] },
      { name: "a", environment: [null] },
      { name: "a", configFiles: [{ content: "x", mountPath: "x" }] },
      { name: "a", configFiles: [{ content: "", mountPath: "/x" }] },
    ],
  ],
  firewall: [
    documents.ingressFirewall,
    [
      {},
      {
        defaultAction: "accept",
        rules: [
          {
            name: "kubelet",
            portSelector: { ports: [10250, "10255-10260"], protocol: "tcp" },
            ingress: [{ subnet: "192.0.2.0/24", except: "192.0.2.1/32" }],
          },
        ],
      },
    ],
    [
      { defaultAction: "deny" },
      { rules: [null] },
      { rules: [{ name: "a" }] },
      { rules: [{ name: "a", portSelector: { ports: [], protocol: "tcp" }, ingress: [] }] },
      { rules: [{ name: "a", portSelector: { ports: [99_999], protocol: "tcp" }, ingress: [] }] },
      { rules: [{ name: "a", portSelector: { ports: ["1-"], protocol: "tcp" }, ingress: [] }] },
      { rules: [{ name: "a", portSelector: { ports: [1], protocol: "sctp" }, ingress: [] }] },
      { rules: [{ name: "a", portSelector: { ports: [1], protocol: "tcp" }, ingress: [{ subnet: "192.0.2.1" }] }] },
    ],
  ],
  "config document": [
    documents.configDocument,
    [{ apiVersion: "v1alpha1", kind: "UserVolumeConfig", name: "data", provisioning: { minSize: "1GB" } }],
    [{}, { kind: "UserVolumeConfig" }, { apiVersion: "v1", kind: "Pod" }, { apiVersion: "v1alpha1", kind: 5 }],
  ],
  "disk selector": [
    documents.diskSelector,
    [{ size: ">= 100GB" }, { size: "4TB", type: "nvme" }, { busPath: "/pci*" }],
    [{}, { size: "big" }, { size: null }, { type: "floppy" }, { sise: "1GB" }],
  ],
  "kernel module": [
    documents.kernelModule,
    [{ name: "br_netfilter", parameters: ["a=b"] }],
    [{ name: "" }, { name: "a b" }, { name: "../a" }, { name: "a", parameters: [""] }],
  ],
};

describe("parts of a machine config", () => checkFormats(formats));
