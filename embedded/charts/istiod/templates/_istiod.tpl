{{/* Name of the control plane's objects: istiod, or istiod-<revision>. Takes the merged values. */}}
{{- define "istiod.name" -}}
{{ list "istiod" .revision | compact | join "-" }}
{{- end }}

{{/* A revision's Service must not pick the default control plane's pods, nor the other way round. */}}
{{- define "istiod.selector" -}}
app: istiod
{{- if .revision }}
istio.io/rev: {{ .revision }}
{{- else }}
istio: pilot
{{- end }}
{{- end }}

{{/* Takes { values, root } and, for the pods of a revision, another value of the label `istio`. */}}
{{- define "istiod.labels" -}}
app: istiod
istio: {{ .istio | default "pilot" }}
istio.io/rev: {{ .values.revision | default "default" }}
operator.istio.io/component: Pilot
release: {{ .root.Release.Name }}
app.kubernetes.io/name: istiod
{{ include "stand-in.labels" .root }}
{{- end }}
