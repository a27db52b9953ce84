//go:build tools

// Package tools names what is built from this module. The operator's own go.mod replaces two of its
// modules by folders of its checkout, which is why `go install` refuses it.
package tools

import (
	_ "github.com/prometheus-operator/prometheus-operator/cmd/operator"
	_ "github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader"
)
