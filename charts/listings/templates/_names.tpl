{{- define "listings.name" -}}{{ .Values.name | default .Release.Name }}{{- end }}

{{- /* Says why, where the schema could only say that there is no such value. */}}
{{- define "listings.refuseCredentials" -}}
{{- range $part, $keys := dict "database" (list "url" "password") "redis" (list "url" "password") }}
{{- range $key := $keys }}
{{- if hasKey (default dict (get $.Values $part)) $key }}
{{- fail (printf "%s.%s is not taken: values stay readable in the release's history. Put it into a Secret (kubectl --namespace %s create secret generic listings-%s --from-literal=url=...) and name that in %s.secretRef.name" $part $key $.Release.Namespace $part $part) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
