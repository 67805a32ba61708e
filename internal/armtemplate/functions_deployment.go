package armtemplate

import "strings"

var deploymentFunctions = map[string]function{
	"parameters": {least: 1, most: 1, do: func(e *evaluation, a *arguments) any {
		return lookUp(a, e.run.parameter)
	}},
	"variables": {least: 1, most: 1, only: func(p place) bool { return p != inDefault }, do: func(e *evaluation, a *arguments) any {
		return lookUp(a, e.run.variable)
	}},
	"copyindex": {most: 2, do: copyIndex},
	"deployment": {do: func(e *evaluation, _ *arguments) any {
		return map[string]any{"name": e.run.scope.Deployment, "properties": map[string]any{"mode": "Incremental"}}
	}},
	"environment": {do: func(e *evaluation, a *arguments) any {
		cloud, known := clouds[e.run.scope.Cloud]
		if !known {
			return a.fail("no cloud %q", e.run.scope.Cloud)
		}
		return cloud
	}},
	"tenant": {do: func(e *evaluation, _ *arguments) any {
		return map[string]any{"tenantId": e.run.scope.Tenant}
	}},
	"subscription": {do: func(e *evaluation, _ *arguments) any {
		s := e.run.scope
		return map[string]any{"id": s.subscriptionID(), "subscriptionId": s.Subscription, "tenantId": s.Tenant, "displayName": "Subscription"}
	}},
	"resourcegroup": {do: func(e *evaluation, _ *arguments) any {
		s := e.run.scope
		return map[string]any{"id": s.groupID(), "name": s.ResourceGroup, "location": s.Location,
			"type": "Microsoft.Resources/resourceGroups", "tags": map[string]any{}}
	}},
}

func lookUp(a *arguments, find func(string) (any, error)) any {
	name := a.text(0)
	if a.err != nil {
		return nil
	}
	v, err := find(name)
	if err != nil {
		a.err = err
	}
	return v
}

// copyIndex takes the loop's name, an offset, or both.
func copyIndex(e *evaluation, a *arguments) any {
	if e.loop == nil {
		return a.fail("stands outside a copy loop")
	}
	offsetAt := 0
	if len(a.values) > 0 {
		if name, ok := a.values[0].(string); ok {
			if !strings.EqualFold(name, e.loop.name) {
				return a.fail("no copy loop %q around here", name)
			}
			offsetAt = 1
		}
	}
	return e.loop.index + a.wholeOr(offsetAt, 0)
}

// clouds hold what environment() returns, as far as it is known. The public cloud is
// from the function's documentation. That of the others is not documented: these are
// the values of Azure's command line (az cloud show), in the public cloud's form.
// Whether keyvaultDns begins with a dot there is not known; the list of clouds that
// Resource Manager publishes has none. So there is each of them without it as well,
// and a template that is to work there must come out the same from both.
var clouds = map[string]map[string]any{
	"AzureCloud": cloud("AzureCloud", "https://portal.azure.com", "https://management.azure.com/",
		"https://login.microsoftonline.com/", ".vault.azure.net", "core.windows.net"),
	"AzureUSGovernment": cloud("AzureUSGovernment", "https://portal.azure.us", "https://management.usgovcloudapi.net/",
		"https://login.microsoftonline.us/", ".vault.usgovcloudapi.net", "core.usgovcloudapi.net"),
	"AzureUSGovernment without the dot": cloud("AzureUSGovernment", "https://portal.azure.us", "https://management.usgovcloudapi.net/",
		"https://login.microsoftonline.us/", "vault.usgovcloudapi.net", "core.usgovcloudapi.net"),
	"AzureChinaCloud without the dot": cloud("AzureChinaCloud", "https://portal.azure.cn", "https://management.chinacloudapi.cn/",
		"https://login.chinacloudapi.cn/", "vault.azure.cn", "core.chinacloudapi.cn"),
	"AzureChinaCloud": cloud("AzureChinaCloud", "https://portal.azure.cn", "https://management.chinacloudapi.cn/",
		"https://login.chinacloudapi.cn/", ".vault.azure.cn", "core.chinacloudapi.cn"),
}

func cloud(name, portal, manager, login, vault, storage string) map[string]any {
	return map[string]any{
		"name": name, "portal": portal, "resourceManager": manager,
		"authentication": map[string]any{"loginEndpoint": login},
		"suffixes":       map[string]any{"keyvaultDns": vault, "storage": storage},
	}
}
