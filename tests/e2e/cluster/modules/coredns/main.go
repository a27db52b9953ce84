// CoreDNS with only what a cluster's DNS needs: the stock program links every cloud provider's SDK
// and takes twice as long to build.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func init() {
	// The order in which plugins see a query; it cannot be set at run time.
	dnsserver.Directives = []string{"errors", "health", "ready", "loadbalance", "template", "kubernetes"}
}

func main() { coremain.Run() }
