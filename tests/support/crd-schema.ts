import Ajv, { type ValidateFunction } from "ajv";
import { crdFolders, type Kind, kindsIn } from "../../components/validation/crds";
import type { StructuralSchema } from "../../components/validation/structural-schema";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";

/**
 * Checks custom resources against the CRDs of the pinned Istio and Gateway API, and refuses what the API server would silently drop:
 * the schema in a CRD says nothing about unknown keys, so here every object is closed. Rules in CEL are not evaluated;
 * that takes an API server.
 */

type Schema = { readonly [keyword: string]: unknown };

const metadata: Schema = {
  type: "object",
  additionalProperties: false,
  required: ["name"],
  properties: {
    name: {
      type: "string",
      maxLength: 253,
      pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    },
    namespace: { type: "string", maxLength: 63, pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" },
    labels: { type: "object", additionalProperties: { type: "string", maxLength: 63 } },
    annotations: { type: "object", additionalProperties: { type: "string" } },
  },
};

/** Validates custom resources of the kinds that the CRDs of a folder define. */
export class CrdSchemas {
  private readonly schemas = new Map<string, Schema>();
  private readonly validators = new Map<string, ValidateFunction>();
  // OpenAPI's keywords and formats (int32, double) are not JSON Schema's; ajv is to pass over those it does not know.
  private readonly ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });

  constructor(folders: readonly string[] = crdFolders) {
    for (const [name, kind] of folders.flatMap(kindsIn)) this.schemas.set(name, wholeObject(kind));
  }

  /** What is wrong with an object, one line each; empty when the API server would take and keep all of it. */
  problems(object: KubernetesObject): string[] {
    // Kubernetes' own kind, whose spec the compiler takes from the SDK's types.
    if (object.kind === "NetworkPolicy") return [];
    const key = `${object.apiVersion} ${object.kind}`;
    const validate = this.validators.get(key) ?? this.compile(key);
    if (!validate) return [`no CRD serves ${key}`];
    if (validate(object)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) =>
      `${instancePath || "/"} ${message ?? "is wrong"} ${JSON.stringify(params)}`.trim(),
    );
  }

  private compile(key: string): ValidateFunction | undefined {
    const schema = this.schemas.get(key);
    if (!schema) return undefined;
    const validate = this.ajv.compile(schema);
    this.validators.set(key, validate);
    return validate;
  }
}

function wholeObject({ namespaced, spec }: Kind): Schema {
  return {
    type: "object",
    additionalProperties: false,
    required: ["apiVersion", "kind", "metadata", "spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: namespaced ? { ...metadata, required: ["name", "namespace"] } : metadata,
      spec: closed(spec),
    },
  };
}

/**
 * The schema with every object closed. Only what gives an object its shape is followed: `oneOf` and the like hold
 * conditions on an object whose properties stand beside them, and closing those would refuse everything.
 */
function closed(schema: StructuralSchema): Schema {
  const { properties, items, additionalProperties, ...rest } = schema;
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const shape = {
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, closed(property)])),
    }),
    ...(items !== undefined && { items: closed(items) }),
  };
  if (schema["x-kubernetes-int-or-string"] === true) return { ...rest, type: ["integer", "string"] };
  if (typeof additionalProperties === "object") {
    return { ...rest, ...shape, additionalProperties: closed(additionalProperties) };
  }
  return { ...rest, ...shape, ...(schema.type === "object" && { additionalProperties: open }) };
}
