module listings.test/monitoring

go 1.26

require github.com/prometheus-operator/prometheus-operator v0.85.0

// its own go.mod replaces these two with folders of its checkout, which is why `go install` refuses it
replace (
	github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring => github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring v0.85.0
	github.com/prometheus-operator/prometheus-operator/pkg/client => github.com/prometheus-operator/prometheus-operator/pkg/client v0.85.0
)
