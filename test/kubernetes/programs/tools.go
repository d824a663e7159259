//go:build tools

// Package programs names the commands of Kubernetes that the tests and benches run, so that `go mod tidy` keeps
// what they need in go.mod and go.sum.
package programs

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
