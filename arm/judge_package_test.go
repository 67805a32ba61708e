package arm_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"azcollector/internal/armtemplate"
)

const (
	containers = "Microsoft.Storage/storageAccounts/blobServices/containers"
	// packageReader is read by the platform, beside WEBSITE_RUN_FROM_PACKAGE.
	// (learn.microsoft.com, "Run your app in Azure App Service directly from a ZIP
	// package", Access a package in Azure Blob Storage using a managed identity.)
	packageReader = "WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID"
)

// verified is the address of a package that the updater keeps: under its SHA-256.
var verified = regexp.MustCompile(`^https://([a-z0-9]+)\.blob\.[a-z0-9.]+/[a-z0-9-]+/[0-9a-f]{64}\.zip$`)

// ownPackage is such an address in the account of these variants, in a cloud.
func ownPackage(t *testing.T, cloud string) string {
	t.Helper()
	c := &court{papers: readPapers(t)}
	settings, _ := appSettings(c.deploy(t, variant{cloud: cloud, given: updating}))
	return textOf(settings["UPDATE_PACKAGE_CONTAINER"]) + "/" + strings.Repeat("0a", 32) + ".zip"
}

// ownPackage tells whether Elastic Premium is to run from a package of our own account.
func (v variant) ownPackage(c *court, d *armtemplate.Deployment) bool {
	parts := verified.FindStringSubmatch(textOf(v.parameter(c, "packageUri")))
	return parts != nil && !v.flex(c) && slices.ContainsFunc(d.Resources, func(x *armtemplate.Resource) bool {
		return x.Type == "Microsoft.Storage/storageAccounts" && x.Name == parts[1]
	})
}

// keepsPackages tells whether there must be an account for packages.
func (v variant) keepsPackages(c *court, d *armtemplate.Deployment) bool {
	return v.flex(c) || v.selfUpdate(c) || v.ownPackage(c, d)
}

// holdsPackage tells whether somebody has been told to look for packages in a container.
func holdsPackage(d *armtemplate.Deployment, x *armtemplate.Resource) bool {
	settings, _ := appSettings(d)
	told := []string{textOf(settings["UPDATE_PACKAGE_CONTAINER"]), textOf(settings["WEBSITE_RUN_FROM_PACKAGE"])}
	if site := theOne(d, "Microsoft.Web/sites", ""); site != nil {
		told = append(told, textAt(site.Properties(), "functionAppConfig", "deployment", "storage", "value"))
	}
	account, _, _ := strings.Cut(x.Name, "/")
	return slices.ContainsFunc(told, func(address string) bool {
		return strings.HasPrefix(address, "https://"+account+".blob.") && strings.Contains(address+"/", "/"+lastName(x)+"/")
	})
}

// judgePackageAccount: the output names the account that has the package, if one has.
func (c *court) judgePackageAccount(d *armtemplate.Deployment) {
	want := ""
	for _, x := range deployed(d, containers) {
		if holdsPackage(d, x) {
			want, _, _ = strings.Cut(x.Name, "/")
		}
	}
	if got := textOf(d.Outputs["packageStorageAccountName"]); got != want {
		c.complain("outputs.packageStorageAccountName: is %q, must be %q", got, want)
	}
}

// release is a package's address that will never mean another one: it carries its
// version, twice the same.
var release = regexp.MustCompile(`^(https://[^?#]+)/v([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*)/azcollector_([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*)_linux_amd64\.zip$`)

func (c *court) judgePackage(d *armtemplate.Deployment, v variant) {
	settings, config := appSettings(d)
	deploy := theOne(d, "Microsoft.Web/sites/extensions", "/onedeploy")
	var uri string
	kept := v.parameter(c, "packageUri") == ""
	switch {
	case v.flex(c) && kept && deploy == nil:
		return // what runs stays
	case v.flex(c) && kept:
		c.complain("package: onedeploy without an address")
		return
	case v.flex(c) && deploy == nil:
		c.complain("package: nothing deploys it on Flex Consumption")
		return
	case v.flex(c):
		uri = textAt(deploy.Properties(), "packageUri")
		c.demand(deploy, demand{"remoteBuild", false})
		for _, x := range append(deployed(d, assignments), config) {
			if x != nil && !d.Waits(deploy, x) {
				c.complain("package: onedeploy does not wait for %s", describe(x))
			}
		}
	case deploy != nil:
		c.complain("package: onedeploy on Elastic Premium, which runs from WEBSITE_RUN_FROM_PACKAGE")
		return
	default:
		uri = textOf(settings["WEBSITE_RUN_FROM_PACKAGE"])
	}
	if v.ownPackage(c, d) && uri == textOf(v.parameter(c, "packageUri")) {
		return
	}
	if parts := release.FindStringSubmatch(uri); parts == nil || parts[2] != parts[3] {
		c.complain("package: %q is no https address that carries its version as /v1.2.3/azcollector_1.2.3_linux_amd64.zip", uri)
	}
}
