{{/* Named after the release, unless `name` says otherwise. Takes { values, root }, as the others do. */}}
{{- define "gateway.name" -}}
{{ .values.name | default .root.Release.Name }}
{{- end }}

{{/* What the selector of an Istio Gateway names: a release istio-ingress has the label istio=ingress. */}}
{{- define "gateway.selector" -}}
app: {{ .values.labels.app | default (include "gateway.name" .) | quote }}
istio: {{ .values.labels.istio | default (include "gateway.name" . | trimPrefix "istio-") | quote }}
{{- end }}

{{- define "gateway.labels" -}}
{{ include "gateway.selector" . }}
{{- with omit .values.labels "app" "istio" }}
{{ toYaml . }}
{{- end }}
app.kubernetes.io/name: {{ include "gateway.name" . }}
{{ include "stand-in.labels" .root }}
{{- end }}

{{- define "gateway.serviceAccountName" -}}
{{ .values.serviceAccount.name | default (ternary (include "gateway.name" .) "default" .values.serviceAccount.create) }}
{{- end }}

{{/* Metadata of every object; its annotations are the chart's `annotations` and those given. */}}
{{- define "gateway.metadata" -}}
name: {{ .name | default (include "gateway.name" .) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "gateway.labels" . | nindent 2 }}
{{- with mergeOverwrite (deepCopy .values.annotations) (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
