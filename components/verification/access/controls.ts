import { type MeshWorkload, workloadKey } from "../../model/names";
import { isHttp, type ServicePort } from "../../shared/workload";
import type { PlanContext } from "../probe";
import { type Cell, cellOf, hasStatus } from "./cells";
import { type AccessClient, gatewayClients, strangers, workloadClients } from "./clients";
import { accessDrafts, connectionDraft, isSafe } from "./drafts";

/**
 * Whether nothing but a closed connection shows that a request is refused: a server that is dead, or a port that is wrong,
 * looks the same behind a proxy.
 */
export function isCutOff({ explanation: { end, ...others }, isTcp }: Cell): boolean {
  const isAtServer = end?.why === "mtls" || end?.why === "authorization" || end?.why === "bypass";
  return isAtServer && (isTcp === true || !hasStatus({ end, ...others }));
}

/** Whether a request shows that its server is there: the application answers, or the sidecar that it shares a pod with. */
export function getsThrough({ explanation: { end, ...others }, isTcp }: Cell): boolean {
  return !end ? others.outcome === "passes" : !isTcp && end.by === "server sidecar" && hasStatus({ end, ...others });
}

/** The first request of a client in the mesh, or of a gateway where it is meant, that gets through to a port. */
export function cellThrough(
  context: PlanContext,
  workload: MeshWorkload,
  port: ServicePort,
  isMeant: (client: AccessClient) => boolean = ({ entry }) => !entry,
): Cell | undefined {
  const { policies } = context.model;
  const isTcp = !isHttp(port);
  const drafts = isTcp
    ? [connectionDraft(port)]
    : accessDrafts(context, workload, [policies.names.target(workloadKey(workload))])
        .filter(({ method }) => isSafe(method))
        .map((draft) => ({ ...draft, port: port.port }));
  const clients = [...workloadClients(policies), ...strangers(policies), ...gatewayClients(policies, workload)];
  for (const client of clients.filter(isMeant)) {
    for (const draft of drafts) {
      const cell: Cell = { ...cellOf(policies, client, workload, draft), ...(isTcp && { isTcp }) };
      if (getsThrough(cell)) return cell;
    }
  }
  return undefined;
}
