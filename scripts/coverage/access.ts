import { asTree, type Tree, treesIn } from "../../components/shared/merge";
import { sorted, text, texts } from "./canonical";

/** Conditions of `when` that a field of `source` or `operation` says too. */
const sameAs: ReadonlyMap<string, string> = new Map([
  ["source.ip", "ipBlocks"],
  ["remote.ip", "remoteIpBlocks"],
  ["source.namespace", "namespaces"],
  ["source.principal", "principals"],
  ["request.auth.principal", "requestPrincipals"],
  ["destination.port", "ports"],
  ["source.trustDomain", "trustDomains"],
]);

type Condition = readonly [name: string, values: readonly string[]];

/**
 * Rules of an AuthorizationPolicy, each divided into the cases that it lists, so that the same cases in another grouping
 * are equal: two callers in one rule, or in two.
 */
export function accessRules(rules: readonly Tree[]): string[] {
  return rules.flatMap((rule) => {
    const sources = rule.from === undefined ? [{}] : treesIn(rule.from).map(({ source }) => asTree(source));
    const operations = rule.to === undefined ? [{}] : treesIn(rule.to).map(({ operation }) => asTree(operation));
    const when = treesIn(rule.when).flatMap(({ key, values, notValues }) => {
      const name = sameAs.get(text(key)) ?? text(key);
      return [...conditions({ [name]: values }), ...conditions({ [negated(name)]: notValues })];
    });
    return sources.flatMap((source) =>
      operations.flatMap((operation) => cases([...conditions(source), ...conditions(operation), ...when])),
    );
  });
}

function negated(name: string): string {
  return sameAs.has(name) || /^[a-zA-Z]+$/.test(name)
    ? `not${name.charAt(0).toUpperCase()}${name.slice(1)}`
    : `not ${name}`;
}

function conditions(fields: Tree): Condition[] {
  return Object.entries(fields).flatMap(([name, values]): Condition[] =>
    values === undefined ? [] : [[name, Array.isArray(values) ? texts(values) : [text(values)]]],
  );
}

/** Of a list one value is enough; of a negated one, none may be. */
function cases(all: readonly Condition[]): string[] {
  const [first, ...others] = all;
  if (!first) return [""];
  const [name, values] = first;
  const isNegated = name.startsWith("not");
  const here = isNegated
    ? [`${name} ${sorted(values).join(" ")}`]
    : values.map((value) => `${name} ${address(name, value)}`);
  return cases(others).flatMap((other) =>
    here.map((one) => [one, ...other.split(" & ")].filter(Boolean).sort().join(" & ")),
  );
}

/** An address alone is the block with only that address. */
function address(name: string, value: string): string {
  if (!/ipBlocks$/i.test(name) || value.includes("/")) return value;
  return `${value}/${value.includes(":") ? 128 : 32}`;
}
