package microsoft

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// A Cloud is where Microsoft lives for one kind of customer. Single addresses
// may be replaced by settings; all are bases without a trailing slash.
type Cloud struct {
	// Name is the value of AZURE_CLOUD that chooses it.
	Name string
	// Authority issues tokens (AZURE_AUTHORITY_HOST).
	Authority *url.URL
	// Management is the Management Activity API (O365_MANAGEMENT_URL).
	Management *url.URL
	// ResourceManager is Azure Resource Manager (AZURE_RESOURCE_MANAGER_URL).
	ResourceManager *url.URL
	// Graph is Microsoft Graph; nil: it is never asked.
	Graph *url.URL
}

// clouds lists names and hosts. The API hosts of the first four plans are those
// of Microsoft's "Management Activity API reference". Microsoft documents no
// host for China: manage.office365.cn is the one most other clients use, and
// O365_MANAGEMENT_URL is there for whom it does not fit. The hosts of Graph are
// those of "National cloud deployments" in Microsoft Graph's documentation.
var clouds = []struct{ name, authority, management, resourceManager, graph string }{
	{"public", "login.microsoftonline.com", "manage.office.com", "management.azure.com", "graph.microsoft.com"},
	{"gcc", "login.microsoftonline.com", "manage-gcc.office.com", "management.azure.com", "graph.microsoft.com"},
	{"gcchigh", "login.microsoftonline.us", "manage.office365.us", "management.usgovcloudapi.net", "graph.microsoft.us"},
	{"dod", "login.microsoftonline.us", "manage.protection.apps.mil", "management.usgovcloudapi.net", "dod-graph.microsoft.us"},
	{"china", "login.partner.microsoftonline.cn", "manage.office365.cn", "management.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"},
}

// LookupCloud finds a cloud by its name, in any case.
func LookupCloud(name string) (Cloud, bool) {
	for _, c := range clouds {
		if strings.EqualFold(c.name, name) {
			return Cloud{
				Name:            c.name,
				Authority:       &url.URL{Scheme: "https", Host: c.authority},
				Management:      &url.URL{Scheme: "https", Host: c.management},
				ResourceManager: &url.URL{Scheme: "https", Host: c.resourceManager},
				Graph:           &url.URL{Scheme: "https", Host: c.graph},
			}, true
		}
	}
	return Cloud{}, false
}

// CloudNames lists what [LookupCloud] knows.
func CloudNames() []string {
	names := make([]string, len(clouds))
	for i, c := range clouds {
		names[i] = c.name
	}
	return names
}

// Hosts lists, as host:port, whom a firewall must let us talk to: the authority,
// the Management Activity API and, if it is to be asked, Graph.
func (c Cloud) Hosts(graph bool) []string {
	bases := []*url.URL{c.Authority, c.Management}
	if graph && c.Graph != nil {
		bases = append(bases, c.Graph)
	}
	var hosts []string
	for _, base := range bases {
		port := base.Port()
		switch {
		case port != "":
		case base.Scheme == "http": // on loopback
			port = "80"
		default:
			port = "443"
		}
		if host := net.JoinHostPort(base.Hostname(), port); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// ownAuthority reports whether the authority is Microsoft's own, which the
// instance discovery can vouch for; any other is trusted because it was configured.
func (c Cloud) ownAuthority() bool {
	for _, known := range clouds {
		if strings.EqualFold(c.Authority.Host, known.authority) {
			return true
		}
	}
	return false
}

// exchangeScope is the audience for which a managed identity makes the assertion
// that Entra takes in place of a secret (Microsoft Learn, "Configure an
// application to trust a managed identity").
func (c Cloud) exchangeScope() string {
	switch c.Name {
	case "gcchigh", "dod":
		return "api://AzureADTokenExchangeUSGov/.default"
	case "china":
		return "api://AzureADTokenExchangeChina/.default"
	}
	return "api://AzureADTokenExchange/.default"
}
