import { readdirSync, readFileSync } from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
import path from "node:path";
import type { V1CustomResourceDefinition } from "@kubernetes/client-node" with { "resolution-mode": "import" };
import type * as ajv from "ajv";
import type { ErrorObject, Format, ValidateFunction } from "ajv";
import type { Model } from "../model/model";
import { listOf, shown, shownSize, suggestion, typeNames } from "../settings/wording";
import { isTree } from "../shared/merge";
import { duplicates, type Problem, type SettingPath } from "../shared/problem";
import { allKnown, checkEach, runChecks } from "../shared/unknown";
import type { Check } from "./check";

/**
 * Checks of `talos-mesh:objects` against the CRDs of the pinned Istio and Gateway API. What a spec means is not checked:
 * checks of one kind's fields would be further rows here.
 */
export const objectChecks: readonly Check[] = [
  ({ settings: { objects } }) => checkEach(objects, ["objects"], objectProblems),
  ({ settings: { objects } }) => {
    const entries = checkEach(objects, ["objects"], ({ kind, metadata: { namespace, name } }, path) => [
      { path, key: [kind, namespace, name].filter(Boolean).join(" ") },
    ]);
    return duplicates(entries, "object");
  },
];

const crdFolders = ["crds/istio", "../platform/charts/gateway-api/files/crds"].map((folder) =>
  path.resolve(__dirname, folder),
);

/** A schema in a CRD: Kubernetes' structural subset of OpenAPI v3. */
interface StructuralSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly additionalProperties?: StructuralSchema | boolean;
  readonly items?: StructuralSchema;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

interface Kind {
  readonly namespaced: boolean;
  readonly spec: StructuralSchema;
  validate?: ValidateFunction;
}

let kinds: ReadonlyMap<string, Kind> | undefined;

/** Kinds by `apiVersion kind`, such as `networking.istio.io/v1 EnvoyFilter`. Read at the first use. */
function servedKinds(): ReadonlyMap<string, Kind> {
  kinds ??= new Map(crdFolders.flatMap(kindsIn));
  return kinds;
}

function kindsIn(folder: string): [string, Kind][] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return files.flatMap((file) => {
    const { spec } = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as V1CustomResourceDefinition;
    return spec.versions.flatMap(({ name, served, schema }): [string, Kind][] => {
      const own = schema?.openAPIV3Schema?.properties?.spec;
      if (!served || !own) return [];
      return [[`${spec.group}/${name} ${spec.names.kind}`, { namespaced: spec.scope === "Namespaced", spec: own }]];
    });
  });
}

type RawObject = NonNullable<Model["settings"]["objects"]>[number];

/**
 * What the API server would refuse of an object, and what it would drop without an error: keys that the schema does not
 * have. Rules in CEL take an API server.
 */
export function* objectProblems(object: RawObject, at: SettingPath): Iterable<Problem> {
  const { apiVersion, kind, metadata, spec } = object;
  const known = servedKinds().get(`${apiVersion} ${kind}`);
  if (!known) {
    yield { path: [...at, "kind"], message: unknownKind(apiVersion, kind) };
    return;
  }
  known.validate ??= compile(known.spec);
  yield* runChecks(
    function* () {
      if (known.namespaced === (metadata.namespace !== undefined)) return;
      const message = known.namespaced ? "missing; expected the object's namespace" : `${kind} has none; remove it`;
      yield { path: [...at, "metadata", "namespace"], message };
    },
    () => {
      if (known.validate?.(allKnown(spec))) return [];
      const problems = (known.validate?.errors ?? []).flatMap((error) => describe(error, spec, [...at, "spec"]));
      return new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values();
    },
  );
}

function unknownKind(apiVersion: string, kind: string): string {
  const served = [...servedKinds().keys()];
  const sameKind = served.filter((one) => one.endsWith(` ${kind}`));
  const names = [...new Set(served.map((one) => one.split(" ")[1] ?? one))].sort();
  const hint = sameKind.length > 0 ? `known: ${listOf(sameKind)}` : suggestion(kind, names);
  return `found ${apiVersion} ${kind}, which is not a kind of the pinned Istio or Gateway API; ${hint}`;
}

const formats: Readonly<Record<string, Format>> = {
  int32: { type: "number", validate: (value: number) => Number.isInteger(value) && Math.abs(value) < 2 ** 31 },
  int64: { type: "number", validate: (value: number) => Number.isInteger(value) },
  double: { type: "number", validate: () => true },
  byte: /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
  "date-time": (text: string) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)),
  ipv4: isIPv4,
  ipv6: isIPv6,
};

function compile(schema: StructuralSchema): ValidateFunction {
  // Loaded here, as few stack files have raw objects and every command would wait for it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above
  const { Ajv } = require("ajv") as typeof ajv;
  // Keywords of OpenAPI and Kubernetes are not JSON Schema's.
  return new Ajv({ strict: false, allErrors: true, verbose: true, formats }).compile(closed(schema));
}

/**
 * The schema as JSON Schema, with every object closed. Only what gives an object its shape is followed: `oneOf` and the
 * like are conditions on its properties.
 */
function closed(schema: StructuralSchema): object {
  const { properties, items, additionalProperties, ...rest } = schema;
  if (schema["x-kubernetes-int-or-string"]) return { ...rest, type: ["integer", "string"] };
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  return {
    ...rest,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, closed(property)])),
    }),
    ...(items && { items: closed(items) }),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: closed(additionalProperties) }
      : schema.type === "object" && { additionalProperties: open }),
  };
}

function describe(error: ErrorObject, spec: unknown, at: SettingPath): Problem[] {
  const { keyword, data, schemaPath, instancePath } = error;
  const path = [...at, ...keysOf(instancePath, spec)];
  const problem = (message: string, ...inner: readonly string[]): Problem[] => [{ path: [...path, ...inner], message }];
  const [, condition, inner] = /^.*?\/(oneOf|anyOf|not)(\/.*)?$/.exec(schemaPath) ?? [];
  // What single alternatives miss is not reported.
  if (condition !== undefined) return inner === undefined ? problem(alternatives(error)) : [];
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (keyword) {
    case "additionalProperties": {
      const key = String(params.additionalProperty);
      const { properties = {} } = error.parentSchema as { readonly properties?: object };
      return problem(`unknown key; ${suggestion(key, Object.keys(properties))}`, key);
    }
    case "required":
      return problem("missing", String(params.missingProperty));
    case "type": {
      const expected = [params.type].flat().map((type) => typeNames[String(type)] ?? String(type));
      return problem(`found ${shown(data)}; expected ${expected.join(" or ")}`);
    }
    case "enum":
      return problem(`found ${shown(data)}; expected one of: ${(params.allowedValues as unknown[]).join(", ")}`);
    case "pattern":
      return problem(`found ${shown(data)}; expected it to match ${String(params.pattern)}`);
    default: {
      const limit = { min: "least", max: "most" }[keyword.slice(0, 3)];
      const expected = limit ? `expected at ${limit} ${String(params.limit)}` : (error.message ?? keyword);
      return problem(`found ${shownSize(data)}; ${expected}`);
    }
  }
}

/** What `oneOf` and the like expect: in Istio's and Gateway API's CRDs mostly which fields go together. */
function alternatives({ keyword, schema, data }: ErrorObject): string {
  const branches = Array.isArray(schema) ? (schema as { readonly required?: string[]; readonly not?: object }[]) : [];
  const fields = branches.flatMap(({ required = [] }) => required);
  if (keyword !== "oneOf" || fields.length === 0 || !isTree(data)) {
    return "has fields that exclude each other, or lacks a required one";
  }
  const given = fields.filter((field) => Object.hasOwn(data, field));
  const amount = branches.some((branch) => branch.not) ? "at most" : "exactly";
  return `found ${given.join(", ") || "none"}; expected ${amount} one of: ${fields.join(", ")}`;
}

/** The keys of a JSON pointer into the value; positions of lists are numbers. */
function keysOf(pointer: string, value: unknown): SettingPath {
  const keys: (string | number)[] = [];
  let current = value;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const key = Array.isArray(current) ? Number(name) : name;
    keys.push(key);
    current = (current as Record<string | number, unknown>)[key];
  }
  return keys;
}
