{{ define "who" }}from a{{ end }}{{ define "kept" }}kept{{ end }}
