//go:build tools

// Package tools names what is built from this module, so that `go mod tidy` keeps what it needs.
//
// Kubernetes cannot be installed with `go install`: its own go.mod replaces its staging modules by
// folders of its checkout. This module requires it and replaces each by its published version.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
