import { diskExpression } from "../disk-selector";
import { isTree, type Tree } from "../tree";
import { fields, isTrue, type Move, move } from "./move";

/** Talos' containerd reads its own configuration and the parts in this folder, nothing else. */
const criParts = /^\/etc\/cri\/conf\.d\/(.+)\.part$/;

function list(value: unknown): readonly Tree[] {
  return Array.isArray(value) ? value.filter(isTree) : [];
}

/** `machine.files` stays for every other path. */
const files: Move = {
  since: "1.14",
  path: ["machine", "files"],
  write: (value, { documents }) => {
    const isPart = (file: Tree) => criParts.test(String(file.path));
    for (const file of list(value).filter(isPart)) {
      const name = criParts.exec(String(file.path))?.[1] ?? "";
      // `customization` is the name Talos gives that file itself.
      const own = name === "20-customization" ? "20-machine-files" : name;
      documents.merge("CRICustomizationConfig", { content: file.content }, own);
    }
    const rest = list(value).filter((file) => !isPart(file));
    return rest.length > 0 ? rest : undefined;
  },
};

/** Fields of `.machine` that are not about the network or Kubernetes. */
export const machineMoves: readonly Move[] = [
  files,
  move("1.14", "machine.install", (value, { documents, problem }) => {
    const install = fields(
      value,
      {
        image: (image) => ({ installer: { image } }),
        wipe: (wipe) => ({ provisioning: { wipe } }),
        disk: (disk) => ({ provisioning: { diskSelector: { match: `disk.dev_path == ${JSON.stringify(disk)}` } } }),
        diskSelector: (selector) => {
          const { expression, problem: reason } = diskExpression(selector);
          if (reason) problem(`diskSelector: ${reason}`);
          return { provisioning: { diskSelector: { match: expression } } };
        },
      },
      problem,
    );
    documents.merge("UnattendedInstallConfig", install);
  }),
  move("1.14", "machine.kernel.modules", (value, { documents }) => {
    for (const { name, parameters } of list(value)) {
      documents.merge("KernelModuleConfig", parameters === undefined ? {} : { parameters }, String(name));
    }
  }),
  move("1.14", "machine.sysctls", (params, { documents }) => documents.merge("SysctlConfig", { params })),
  move("1.14", "machine.nodeLabels", (labels, { documents }) => documents.merge("KubeNodeConfig", { labels })),
  move("1.14", "machine.nodeAnnotations", (annotations, { documents }) =>
    documents.merge("KubeNodeConfig", { annotations }),
  ),
  move("1.14", "machine.nodeTaints", (taints, { documents }) => documents.merge("KubeNodeConfig", { taints })),
  move("1.14", "machine.kubelet", (value, { documents, problem }) => {
    const node: Tree = {};
    const toNode = (name: string) => (inner: unknown) => {
      node[name] = inner;
      return {};
    };
    const kubelet = fields(
      value,
      {
        image: "image",
        clusterDNS: "clusterDNS",
        extraConfig: "config",
        extraArgs: kubeletArguments,
        defaultRuntimeSeccompProfileEnabled: "defaultRuntimeSeccompProfileEnabled",
        nodeIP: toNode("nodeIP"),
        registerWithFQDN: toNode("registerWithFQDN"),
        skipNodeRegistration: toNode("skipNodeRegistration"),
        disableManifestsDirectory: () => ({}), // what it was set to is the rule now
        credentialProviderConfig: (configuration) => {
          documents.merge("KubeCredentialProviderConfig", { configuration });
          return {};
        },
      },
      problem,
    );
    if (Object.keys(kubelet).length > 0) documents.merge("KubeletConfig", kubelet);
    if (Object.keys(node).length > 0) documents.merge("KubeNodeConfig", node);
  }),
];

/** `rotate-server-certificates` has a field in the kubelet's own configuration; its flag is deprecated. */
function kubeletArguments(value: unknown): Tree {
  if (!isTree(value)) return { extraArgs: value };
  const { "rotate-server-certificates": rotate, ...extraArgs } = value;
  return {
    ...(rotate !== undefined && { config: { serverTLSBootstrap: isTrue(rotate) } }),
    ...(Object.keys(extraArgs).length > 0 && { extraArgs }),
  };
}
