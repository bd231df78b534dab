import { z } from "zod";
import type { Refusal } from "../shared/problem";

/** Numbers with and without units: durations, shares, and Kubernetes' quantities. */

/**
 * A positive duration in whole milliseconds, as Istio (pkg/config/validation, ValidateDuration) and Gateway API (GEP-2257)
 * take them.
 */
export const duration = z
  .string()
  .regex(
    /^(?=.*[1-9])(\d{1,5}(\.\d{1,3})?[hms]|\d{1,5}ms){1,4}$/,
    "expected a duration of at least 1ms with its unit, such as 250ms, 3s, 5m or 1h30m",
  );

/** Where zero has a meaning of its own. */
export const durationOrZero = z
  .string()
  .regex(
    /^(\d{1,5}(\.\d{1,3})?[hms]|\d{1,5}ms){1,4}$/,
    "expected a duration with its unit, such as 0s, 250ms, 3s, 5m or 1h30m",
  );

/** Whole seconds. */
export const seconds = z
  .string()
  .regex(/^(?=.*[1-9])(\d{1,5}[hms])+$/, "expected a duration in whole seconds, such as 30s, 5m or 24h");

const int32 = 2 ** 31 - 1;
export const uint32 = 2 ** 32 - 1;

/** A whole number. Fields of Kubernetes and of CRDs have 32 bits. */
export const count = (least = 0, most = int32) => z.int().min(least).max(most);

/** Istio takes no share between 0 and a millionth. */
export const percentage = z
  .number()
  .min(0)
  .max(100)
  .refine((share) => share === 0 || share >= 0.0001, {
    error: ({ input }) => `found ${String(input)}; expected 0, or at least 0.0001`,
  })
  .meta({ not: { exclusiveMinimum: 0, exclusiveMaximum: 0.0001 } });

/** Kubernetes' grammar, without a sign. Source: k8s.io/apimachinery, pkg/api/resource. */
const quantityForm = (suffixes: string, example: string, lookahead = "") =>
  z
    .string()
    .regex(
      new RegExp(`^${lookahead}(\\d{1,18}(\\.\\d{0,9})?|\\.\\d{1,9})([eE][-+]?\\d{1,2}|${suffixes})?$`),
      `expected a quantity such as ${example}`,
    );

export const cpuQuantity = quantityForm("[numkMGTPE]", "100m, 0.5 or 2");

/** Bytes have no fractions. */
export const memoryQuantity = quantityForm("[kMGTPE]|[KMGTPE]i", "128Mi or 1Gi");

export const storageQuantity = quantityForm("[kMGTPE]|[KMGTPE]i", "10Gi, more than 0", "(?=[\\d.]*[1-9])");

const multiples: ReadonlyMap<string, number> = new Map([
  ...["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].map((unit, index): [string, number] => [
    unit,
    1000 ** (index - 3),
  ]),
  ...["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].map((unit, index): [string, number] => [unit, 1024 ** (index + 1)]),
]);

/** In the unit that it is of: cores, bytes. */
export function amountOf(quantity: string): number {
  const [, amount = "", unit = ""] = /^([\d.]+(?:[eE][-+]?\d+)?)(.*)$/.exec(quantity) ?? [];
  return Number(amount) * (multiples.get(unit) ?? NaN);
}

const amounts = z.strictObject({ cpu: cpuQuantity.optional(), memory: memoryQuantity.optional() });

export const resources = z
  .strictObject({ requests: amounts.optional(), limits: amounts.optional() })
  .describe("Kubernetes resource requests and limits.");

/** Refuses a request that is greater than the limit. */
export function requestRefusal(resource: "cpu" | "memory", { requests, limits }: z.output<typeof resources>): Refusal {
  const [request, limit] = [requests?.[resource], limits?.[resource]];
  if (request === undefined || limit === undefined || amountOf(request) <= amountOf(limit)) return undefined;
  return { requests: { [resource]: `found ${request}; expected at most the limit, ${limit}` } };
}
