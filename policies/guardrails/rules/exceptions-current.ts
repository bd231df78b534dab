import { type Facts, outsideDev, type StackGuardrail } from "../guardrail";

const facts = (until: string): Partial<Facts> => ({
  today: "2027-03-31",
  exceptions: [
    { id: "mtls-strict", resource: "PeerAuthentication/shop/legacy", reason: "a client without a proxy", until },
  ],
});

export const exceptionsCurrent: StackGuardrail = {
  id: "exceptions-current",
  title: "No exception is past its date",
  why: "An exception is a debt with a date. Past it, what it excepted is reported again.",
  severity: outsideDev,
  sees: "`talos-mesh:guardrails.exceptions` of the stack, and the clock of the machine, in UTC.",
  scope: "stack",
  *check(_, { exceptions, today }) {
    for (const [index, { id, resource, until, reason }] of exceptions.entries()) {
      if (until >= today) continue;
      const what = resource === undefined ? id : `${id} of ${resource}`;
      const remedy = "fix what it excepts and remove it, or decide on a new date";
      yield {
        message: `talos-mesh:guardrails.exceptions[${index}], ${what}, ended on ${until} (${reason}); ${remedy}`,
      };
    }
  },
  passing: { facts: facts("2027-03-31") },
  failing: { facts: facts("2027-03-30") },
};
