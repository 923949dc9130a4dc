module merge_keys

go 1.24

require sigs.k8s.io/kustomize/kyaml v0.21.1
