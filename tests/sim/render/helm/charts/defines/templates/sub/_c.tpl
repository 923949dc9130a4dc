{{ define "who" }}from sub{{ end }}
