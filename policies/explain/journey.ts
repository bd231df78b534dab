import type { PolicyModel } from "../model";
import { resolve } from "../resolve";
import { Directory } from "../resolve/directory";
import { targetOf } from "../resolve/security";
import type { ExplainedRequest } from "./conditions";
import { type Explanation, explain } from "./explain";

/** A request in a person's words. */
export interface Question extends Omit<ExplainedRequest, "caller" | "port" | "queryParams" | "path"> {
  /** `productpage`, `namespace/name`, a gateway, or `outside`: a pod that is not in the mesh. */
  readonly from: string;
  /** `reviews` or `namespace/name`. */
  readonly to: string;
  /** With its query: `/reviews/0?full=1`. */
  readonly path: string;
}

/**
 * Answers a question from the settings.
 *
 * @throws PolicyError where the policies are wrong, RangeError where the question names what is not there
 */
export function answer(model: PolicyModel, { from, to, path, ...rest }: Question): Explanation {
  const directory = new Directory(model);
  const resolved = resolve(model);
  const find = (name: string) => {
    const [first = "", second] = name.split("/");
    return second === undefined ? directory.find(model.defaultNamespace, first) : directory.find(first, second);
  };
  const workload = find(to);
  if (!workload) throw new RangeError(`--to ${to}: no such workload`);
  const gateway = directory.findGateway(from);
  const caller = from === "outside" ? undefined : (find(from) ?? gateway);
  if (from !== "outside" && !caller) throw new RangeError(`--from ${from}: no such workload or gateway; or: outside`);
  const target = targetOf(workload, directory);
  const service = resolved.services.find(
    ({ namespace, name }) => namespace === target.namespace && name === target.name,
  );
  const offer = gateway && service?.offers.find((one) => one.gateway.name === gateway.name);
  if (gateway && !offer) {
    const what = `gateway ${gateway.name} does not offer ${to}: 404`;
    return { outcome: "no route", steps: [{ what, path: "traffic.services" }] };
  }
  const url = new URL(path, "http://service");
  const request = {
    ...rest,
    path: url.pathname,
    queryParams: Object.fromEntries(url.searchParams),
    headers: Object.fromEntries(Object.entries(rest.headers).map(([name, value]) => [name.toLowerCase(), value])),
    caller,
    port: target.port,
  };
  return explain(resolved, { target, service, offer, request });
}
