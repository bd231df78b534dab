import { z } from "zod";
import { form } from "../fields";
import { guardrailIds } from "../../../policies/guardrails/ids";

/** The Pulumi CLI reads a date without quotes as a time. */
const day = form(
  `${z.regexes.date.source.replaceAll(/^\^|\$$/g, "")}( 00:00:00 \\+0000 UTC)?`,
  "expected a date, such as 2027-03-31",
).overwrite((text) => text.slice(0, "2027-03-31".length));

/** `talos-mesh:guardrails`: what `policies/guardrails` and `npm run render -- --guardrails` leave out. */
const exception = z.strictObject({
  id: z.enum(guardrailIds).describe("The guardrail; docs/guardrails.md lists them."),
  resource: z
    .string()
    .min(1)
    .optional()
    .describe("As a violation names it, such as Deployment/bookinfo/reviews-v1. Default: every resource."),
  reason: form("\\s*\\S[\\s\\S]{8,}\\S\\s*", "expected why it is needed, in at least 10 characters"),
  until: day.describe("The last day on which it holds, in UTC."),
});

export const guardrails = z
  .strictObject({
    exceptions: z.array(exception).default([]).describe("Each with a reason and a last day, after which it fails."),
  })
  .describe("Rules for what is deployed, by environment: docs/guardrails.md.");
