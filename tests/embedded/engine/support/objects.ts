/** The objects of a suite, in a namespace and of a kind that only it uses. */
export function objectsIn(name: string) {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
  const configMap = (resource: string, data: Record<string, string>) => ({
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: resource, namespace: name } },
    data,
  });
  const group = `${name}.example.com`;
  const spec = { type: "object", properties: { size: { type: "integer" } } };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec } } };
  const crd = {
    ...{
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `crates.${group}` },
    },
    spec: {
      ...{ group, names: { kind: "Crate", plural: "crates" }, scope: "Namespaced" },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
  const crate = {
    ...{ apiVersion: `${group}/v1`, kind: "Crate", metadata: { name: "one", namespace: name } },
    spec: { size: 3 },
  };
  const deployment = {
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: name } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: { containers: [{ name: "web", image: "example.com/web:1" }] },
      },
    },
  };
  return {
    namespace,
    configMap,
    crd,
    crate,
    deployment,
    base: { shop: namespace, settings: configMap("settings", { color: "blue" }) },
  };
}

export interface TestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export function referenceOf({ apiVersion, kind, metadata }: TestObject) {
  return { apiVersion, kind, ...metadata };
}
