package microsoft_test

import (
	"slices"
	"testing"

	"azcollector/internal/microsoft"
)

func TestClouds(t *testing.T) {
	names := microsoft.CloudNames()
	if want := []string{"public", "gcc", "gcchigh", "dod", "china"}; !slices.Equal(names, want) {
		t.Fatalf("CloudNames() = %q", names)
	}
	for _, name := range names {
		c, ok := microsoft.LookupCloud(name)
		if !ok || c.Name != name || c.Authority.Scheme != "https" || c.Management.Scheme != "https" || c.ResourceManager.Scheme != "https" {
			t.Errorf("LookupCloud(%q) = %+v, %v", name, c, ok)
		}
	}
	high, _ := microsoft.LookupCloud("GCCHigh")
	if got := high.Management.String() + " " + high.Authority.String(); got != "https://manage.office365.us https://login.microsoftonline.us" {
		t.Errorf("GCC High is at %s", got)
	}
	if _, ok := microsoft.LookupCloud("private"); ok {
		t.Error("there is no such cloud")
	}
	high.Management.Host = "elsewhere.example"
	if again, _ := microsoft.LookupCloud("gcchigh"); again.Management.Host == high.Management.Host {
		t.Error("an override of one cloud changed the table")
	}
}

func TestHosts(t *testing.T) {
	public, _ := microsoft.LookupCloud("public")
	dod, _ := microsoft.LookupCloud("dod")
	ours := microsoft.Cloud{Authority: mustParse("https://entra.example:8443"), Management: mustParse("http://127.0.0.1"), Graph: mustParse("http://[::1]:81")}
	joined := microsoft.Cloud{Authority: mustParse("https://all.example"), Management: mustParse("https://all.example:443/o365")}
	for name, c := range map[string]struct {
		cloud microsoft.Cloud
		graph bool
		want  []string
	}{
		"public":            {public, false, []string{"login.microsoftonline.com:443", "manage.office.com:443"}},
		"dod, with Graph":   {dod, true, []string{"login.microsoftonline.us:443", "manage.protection.apps.mil:443", "dod-graph.microsoft.us:443"}},
		"overrides":         {ours, true, []string{"entra.example:8443", "127.0.0.1:80", "[::1]:81"}},
		"one for all":       {joined, false, []string{"all.example:443"}},
		"there is no Graph": {joined, true, []string{"all.example:443"}},
	} {
		if got := c.cloud.Hosts(c.graph); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestGraphOfEachCloud(t *testing.T) {
	for name, want := range map[string]string{
		"public": "https://graph.microsoft.com", "gcc": "https://graph.microsoft.com", "gcchigh": "https://graph.microsoft.us",
		"dod": "https://dod-graph.microsoft.us", "china": "https://microsoftgraph.chinacloudapi.cn",
	} {
		if c, _ := microsoft.LookupCloud(name); c.Graph.String() != want {
			t.Errorf("%s: Graph is at %s", name, c.Graph)
		}
	}
}
