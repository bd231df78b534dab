/** What a template may use, by its path in Talos' v1alpha1 types: `.ClusterConfig.ClusterName`. */
export type TemplateValues = ReadonlyMap<string, string>;

/** An action of a Go template, with the spaces that its dashes remove, or a brace pair that belongs to none. */
const action =
  /(?:\s*\{\{-(?=\s)|\{\{)\s*((?:"(?:[^"\\\n]|\\.)*"|`[^`]*`|[^"`])*?)\s*(?:(?<=\s)-\}\}\s*|\}\})|\{\{|\}\}/g;

/**
 * A Go template as talhelper renders it, as far as its values are known before a machine config is generated: strings, and
 * some fields. Another template is reported, and has no result.
 */
export function renderTemplate(text: string, values: TemplateValues, report: (why: string) => void) {
  let isKnown = true;
  const rendered = text.replaceAll(action, (whole, expression?: string) => {
    // Alone, it ends no action and is part of the text.
    if (whole === "}}") return whole;
    const result = expression === undefined ? undefined : evaluate(expression, values);
    isKnown &&= result !== undefined;
    return result ?? whole;
  });
  if (isKnown) return rendered;
  report(
    "a Go template over the generated machine config, of which the import evaluates only strings and " +
      `${[...values.keys()].join(", ")}; write the value itself`,
  );
  return undefined;
}

function evaluate(expression: string, values: TemplateValues): string | undefined {
  if (expression.startsWith("/*")) return "";
  const raw = /^`([^`]*)`$/.exec(expression);
  if (raw) return raw[1];
  if (!/^"(?:[^"\\]|\\.)*"$/.test(expression)) return values.get(expression);
  try {
    return JSON.parse(expression) as string;
  } catch {
    return undefined;
  }
}
