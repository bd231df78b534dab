{{- /* Kept when the release goes: deleting a CRD deletes every Gateway and route in the cluster, whoever made it. */}}
{{- range $path, $_ := .Files.Glob "files/crds/*.json" }}
{{- $crd := $.Files.Get $path | fromJson }}
{{- $_ := set $crd.metadata "annotations" (merge (dict "helm.sh/resource-policy" "keep") $crd.metadata.annotations) }}
---
{{ $crd | toJson }}
{{- end }}
