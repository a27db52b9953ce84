{{- /* Leaves room in a name of 63 characters for what is put behind it. */}}
{{- define "operator.name" -}}{{ .Release.Name | trunc 46 | trimSuffix "-" }}{{- end }}

{{- /* What selects the pods. It never changes. */}}
{{- define "operator.selector" -}}
app.kubernetes.io/name: listings-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "operator.namespaces" -}}
{{ .Values.watch.namespaces | default (list .Release.Namespace) | join "," }}
{{- end }}

{{- define "operator.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}
