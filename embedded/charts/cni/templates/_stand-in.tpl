{{/* Made by scripts/vendor.cjs from scripts/vendor/chart: edit it there. */}}

{{/*
The values a template reads, as JSON: the chart's defaults, then the profile, then what the user set - the order
Istio's own charts document. A profile has to come in between, so the defaults stand in files/values.yaml and
not in values.yaml, where Helm would mix them with the user's. Values under `pilot` (istiod) and `cni` (cni) count
as if they stood at the top, as in Istio's charts.
*/}}
{{- define "stand-in.values" -}}
{{- range $key := list "platform" "compatibilityVersion" }}
{{- with coalesce (index $.Values $key) (index ($.Values.global | default dict) $key) }}
{{- fail (printf "%s %q: the stand-in chart %s knows none; unset it or use Istio's own chart" $key . $.Chart.Name) }}
{{- end }}
{{- end }}
{{- $file := .Files.Get "files/values.yaml" | fromYaml }}
{{- $values := $file.defaults }}
{{- with coalesce .Values.profile (.Values.global).profile }}
{{- if not (hasKey $file.profiles .) }}
{{- fail (printf "profile %q: expected one of %s" . (keys $file.profiles | sortAlpha | join ", ")) }}
{{- end }}
{{- $values = mustMergeOverwrite $values (index $file.profiles .) }}
{{- end }}
{{- $values = mustMergeOverwrite $values (deepCopy .Values) }}
{{- with index (dict "istiod" "pilot" "cni" "cni") .Chart.Name }}
{{- $values = mustMergeOverwrite $values (index $values . | default dict) }}
{{- end }}
{{- toJson $values }}
{{- end }}

{{/*
Labels of every object; `talos-mesh/stand-in` tells it from an object of Istio's own chart. The version is the one that is
asked for: a stand-in stands in for every one.
*/}}
{{- define "stand-in.labels" -}}
talos-mesh/stand-in: "true"
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/part-of: istio
app.kubernetes.io/version: {{ .Values.tag | default (.Values.global).tag | default .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
