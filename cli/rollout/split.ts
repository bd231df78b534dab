import { isDeepStrictEqual } from "node:util";
import type { Model } from "../../components/model/model";
import { formatPath, type SettingPath, UserError } from "../../components/shared/problem";
import { titleOf } from "../../components/verification/requests/entries";
import type { Edit } from "../stack-edit";

/** Percent by subset, adding up to 100; the order is that of the stack file. */
export type Weights = ReadonlyMap<string, number>;

/** The rules of a service that split requests between its versions, which all have the same weights. */
export interface Split {
  readonly weights: Weights;
  /** Of each `route`. */
  readonly paths: readonly SettingPath[];
  readonly service: { readonly name: string; readonly namespace: string };
  /** The value of the pods' label `version`, by subset. */
  readonly versions: ReadonlyMap<string, string>;
}

/**
 * The split of a service: the rules without `match`, for clients in the mesh and at gateways.
 *
 * @param service as rules name it: `reviews`, or `shop/reviews`
 * @throws UserError where there is none that can be shifted to the subset `to`
 */
export function splitOf({ settings, names, policies }: Model, service: string, to: string): Split {
  const target = names.findTarget(service);
  const [workload] = target?.kind === "workload" ? target.workloads : [];
  if (!workload) {
    const known = names.workloads.map((one) => titleOf(one, names.defaultNamespace)).join(", ");
    throw new UserError(
      `--service ${service}: no such service; expected one of: ${known || "none is in the stack file"}`,
    );
  }
  const { name, namespace } = workload;
  const found = settings.traffic.services.flatMap((entry, index) => {
    if (names.findWorkload(entry.namespace ?? names.defaultNamespace, entry.host) !== workload) return [];
    return entry.http.flatMap(({ match, route }, rule) => {
      const isSplit = match === undefined && route !== undefined;
      return isSplit ? [{ route, path: ["traffic", "services", index, "http", rule, "route"] }] : [];
    });
  });
  const lists = found.filter(({ route }) => Array.isArray(route));
  if (lists[0]) {
    throw new UserError(
      `${formatPath(lists[0].path)}: found a list of destinations; a rollout shifts weights of the form {subset: weight}.`,
    );
  }
  const [first, ...others] = found.map(({ route, path }) => ({ path, weights: new Map(Object.entries(route)) }));
  if (!first) {
    throw new UserError(
      `traffic.services has no rule of ${name} without match that has a route. Add one with the version of today, such as ` +
        `http: [{ route: { ${workload.versions[0] ?? "v1"}: 100 } }], and deploy it.`,
    );
  }
  const different = others.find(({ weights }) => !isDeepStrictEqual(weights, first.weights));
  if (different) {
    throw new UserError(
      `${formatPath(first.path)} and ${formatPath(different.path)}: found different weights; a rollout shifts all rules of ${name} alike.`,
    );
  }
  const subsets = policies.services.find((one) => one.name === name && one.namespace === namespace)?.subsets ?? [];
  const versions = new Map(
    subsets.flatMap(({ name: subset, labels: { version } }) => (version ? [[subset, version]] : [])),
  );
  const needed = [...first.weights.keys(), to];
  const missing = needed.filter((subset) => !versions.has(subset));
  if (missing.length > 0) {
    throw new UserError(
      `--to ${to}: ${missing.join(", ")} of ${name} is no subset with the label version, by which Prometheus tells pods apart; ` +
        `found: ${[...versions.keys()].join(", ") || "none"}.`,
    );
  }
  return { service: { name, namespace }, weights: first.weights, paths: found.map(({ path }) => path), versions };
}

/** The next of the steps, or none where `to` has all. */
export function nextShare(weights: Weights, to: string, steps: readonly number[]): number | undefined {
  const current = weights.get(to) ?? 0;
  return steps.find((step) => step > current);
}

/**
 * The weights with a share for `to`, and the rest for the others in the proportions that they have; in whole percent, by
 * largest remainder.
 */
export function shifted(weights: Weights, to: string, share: number): Weights {
  const others = [...weights].filter(([subset]) => subset !== to);
  const total = others.reduce((sum, [, weight]) => sum + weight, 0);
  if (total === 0) return new Map([...others, [to, 100]]);
  const exact = others.map(([subset, weight]) => ({ subset, part: ((100 - share) * weight) / total }));
  const floors = exact.map(({ part }) => Math.floor(part));
  let left = 100 - share - floors.reduce((sum, part) => sum + part, 0);
  const byRemainder = exact
    .map(({ part }, at) => ({ at, rest: part - Math.floor(part) }))
    .sort((a, b) => b.rest - a.rest);
  for (const { at } of byRemainder) if (left-- > 0) floors[at] = (floors[at] ?? 0) + 1;
  return new Map([...exact.map(({ subset }, at): [string, number] => [subset, floors[at] ?? 0]), [to, share]]);
}

/** What writes the weights into the stack file. */
export function editsOf({ paths }: Pick<Split, "paths">, weights: Weights): Edit[] {
  return paths.flatMap(([section = "", ...keys]) =>
    [...weights].map(([subset, value]): Edit => ({ path: [`talos-mesh:${section}`, ...keys, subset], value })),
  );
}
