{{- define "operator.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- end }}
{{- define "operator.labels" -}}
app.kubernetes.io/name: listings-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "operator.namespaces" -}}
{{ .Values.watch.namespaces | default (list .Release.Namespace) | join "," }}
{{- end }}
