import type { PolicyTarget } from "../../model/names";
import { mtlsModes, type MtlsException, type PolicyModel, type RateLimit } from "../../model/policies/policy-model";
import { portsAtPod, type SeenPort, seenPorts } from "../../model/policies/seen-ports";
import { type Problem, type Refusal, refusalOfEach } from "../../shared/problem";
import { runChecks } from "../../shared/unknown";
import type { ServicePort } from "../../shared/workload";
import { problemsAt } from "../check";

/** Policies by port that the enforcing proxy would apply to no connection, or to those of another port. */
export function policyPortProblems(model: PolicyModel): Iterable<Problem> {
  return runChecks(
    () =>
      problemsAt([...model.accessRules, ...model.externalRules], ({ target, settings: { ports, notPorts } }) => ({
        ports: portsRefusal(ports, target),
        notPorts: portsRefusal(notPorts, target),
      })),
    () => problemsAt(model.mtlsExceptions, (exception) => exceptionRefusal(exception, model)),
    () => problemsAt(model.rateLimits, limitRefusal),
  );
}

function portsRefusal(numbers: readonly number[] | undefined, target: PolicyTarget): Refusal {
  const all = seenPorts(target);
  // Without a proxy, the target itself is refused.
  if (all.length === 0) return undefined;
  const meant = all.filter(({ port }) => numbers?.includes(port));
  const unknown = refusalOfEach(numbers, (number) => unknownPort(number, all, target));
  const others = all.filter(({ port, seen }) => !meant.some((one) => one.port === port) && seen !== undefined);
  for (const other of others) {
    const same = meant.find(({ seen }) => seen === other.seen);
    if (same) return [unknown, sharedPort(other, same)];
  }
  return unknown;
}

function unknownPort(number: number, all: readonly SeenPort[], { title, kind }: PolicyTarget): Refusal {
  const found = all.filter(({ port }) => port === number);
  if (found.some(({ seen }) => seen !== undefined)) return undefined;
  const [foreign] = found;
  if (foreign) {
    return (
      `found ${number}; which port its pods have for it is not known of ${foreign.owner}, of kind existing; ` +
      "name one of its extraPorts with targetPort, or remove it"
    );
  }
  const ofPod = all.find(({ seen }) => seen === number);
  const known = [...new Set(all.map(({ port }) => port))].join(", ");
  if (ofPod)
    return `found ${number}, the targetPort of port ${ofPod.port}; rules name the port of the Service: ${known}`;
  const where =
    kind === "gateway"
      ? "extraPorts of the gateway"
      : "ports of the workload in talos-mesh:applications, to podPorts where the Service does not have it";
  return `found ${number}; the ports of ${title}: ${known}; name one of them, or add it to ${where}`;
}

function sharedPort(other: SeenPort, same: SeenPort): string {
  if (other.owner === same.owner) {
    return `ports ${same.port} and ${other.port} of ${same.owner} are one port of its pods, ${same.seen}, where the rule would be for both; name both`;
  }
  return (
    `port ${same.port} of ${same.owner} is port ${same.seen} of its pods, as is port ${other.port} of ${other.owner}, which the rule would be for too; ` +
    "name the workloads one by one"
  );
}

/** Other ports of a Service that lead to the same port of its pods. */
function portsAt({ port, targetPort = port }: ServicePort, ports: readonly ServicePort[]): ServicePort[] {
  return ports.filter((one) => one.port !== port && (one.targetPort ?? one.port) === targetPort);
}

function exceptionRefusal({ target, settings }: MtlsException, model: PolicyModel): Refusal {
  const [workload] = target.kind === "workload" ? target.workloads : [];
  if (!workload) return undefined;
  const { name, ports } = workload;
  const modes = mtlsModes(model, workload);
  const refusals = Object.entries(settings.ports ?? {}).map(([number, mode]): [string, Refusal] => {
    const found = ports.find(({ port }) => String(port) === number);
    if (!found) return [number, unknownPort(Number(number), portsAtPod(workload), target)];
    const other = portsAt(found, ports).find(({ port }) => modes.at(port) !== mode);
    return [
      number,
      other &&
        `found ${mode}, and port ${other.port} has ${modes.at(other.port)}; both are port ${found.targetPort ?? found.port} of the pods of ${name}; give both the same mode`,
    ];
  });
  return { ports: Object.fromEntries(refusals) };
}

/** istiod has one list of routes for a port of the pods, and calls it by one of the ports that lead to it. */
function limitRefusal({ target: { workloads }, settings: { port } }: RateLimit): Refusal {
  for (const { name, ports } of workloads) {
    const found = ports.find((one) => one.port === port);
    const [other] = found ? portsAt(found, ports) : [];
    if (other) {
      return {
        port: `ports ${port} and ${other.port} of ${name} are one port of its pods, ${other.targetPort ?? other.port}; limit the workload, without port`,
      };
    }
  }
  return undefined;
}
