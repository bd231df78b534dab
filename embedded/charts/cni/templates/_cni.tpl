{{- define "cni.labels" -}}
release: {{ .root.Release.Name }}
istio.io/rev: {{ .values.revision | default "default" }}
operator.istio.io/component: Cni
app.kubernetes.io/name: istio-cni
{{ include "stand-in.labels" .root }}
{{- end }}

{{- define "cni.tag" -}}
{{ .values.tag | default .values.global.tag | default .root.Chart.AppVersion }}
{{- end }}
