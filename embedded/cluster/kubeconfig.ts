import { readFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";

/** A client certificate of the cluster's administrator and the certificate authority, as PEM. */
export interface Credentials {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export function readCredentials(clusterFolder: string): Credentials {
  const read = (file: string) => readFileSync(path.join(clusterFolder, "pki", file));
  return { ca: read("ca.crt"), cert: read("admin.crt"), key: read("admin.key") };
}

/** A kubeconfig that needs no other file. Its one context is `talos-mesh-<stack>`. */
export function kubeconfigText(stack: string, apiServerPort: number, { ca, cert, key }: Credentials): string {
  const name = `talos-mesh-${stack}`;
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name,
          cluster: {
            server: `https://127.0.0.1:${apiServerPort}`,
            "certificate-authority-data": ca.toString("base64"),
          },
        },
      ],
      users: [
        {
          name,
          user: { "client-certificate-data": cert.toString("base64"), "client-key-data": key.toString("base64") },
        },
      ],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    },
    { lineWidth: 0 },
  );
}
