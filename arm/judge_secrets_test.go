package arm_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"azcollector/internal/armtemplate"
)

const vaultSecrets = "Microsoft.KeyVault/vaults/secrets"

// judgeSecrets follows the marks of secure parameters: they may end in the value of
// a vault's secret and nowhere else.
func (c *court) judgeSecrets(d *armtemplate.Deployment) {
	look := func(place string) func(string, any) {
		return func(path string, scalar any) {
			if _, secure := scalar.(armtemplate.Secure); secure {
				c.complain("%s: a secure parameter ends here, at %s", place, path)
			}
		}
	}
	for _, x := range d.Resources {
		body := maps.Clone(x.Body)
		if x.Type == vaultSecrets {
			properties := maps.Clone(x.Properties())
			delete(properties, "value")
			body["properties"] = properties
		}
		armtemplate.Walk("", body, look(x.Type))
	}
	armtemplate.Walk("", d.Outputs, look("outputs"))
}

// reference is a Key Vault reference without a version, so that a new version is
// taken up, by names or by the secret's address. (learn.microsoft.com, "Use Key Vault
// references as app settings".)
var reference = regexp.MustCompile(`^@Microsoft\.KeyVault\((?:VaultName=([a-z0-9-]+);SecretName=([a-z0-9-]+)|SecretUri=https://([a-z0-9-]+)\.vault\.[a-z.]+/secrets/([a-z0-9-]+)/?)\)$`)

// referred are the names of the vault and the secret in a reference.
func referred(value string) (vault, secret string, ok bool) {
	parts := reference.FindStringSubmatch(value)
	if parts == nil {
		return "", "", false
	}
	return parts[1] + parts[3], parts[2] + parts[4], true
}

// vaultReference is the secret of the template that an app setting refers to, if it
// does and it is deployed.
func vaultReference(d *armtemplate.Deployment, value string) *armtemplate.Resource {
	vault, secret, ok := referred(value)
	if !ok {
		return nil
	}
	for _, x := range d.Resources {
		if x.Type == vaultSecrets && x.Name == vault+"/"+secret && x.Enabled {
			return x
		}
	}
	return nil
}

// environment is what the app settings become before the program sees them: Azure
// puts secrets in the place of references, and adds its own.
func (c *court) environment(d *armtemplate.Deployment, v variant) map[string]string {
	settings, _ := appSettings(d)
	env := map[string]string{"WEBSITE_SITE_NAME": "site", "WEBSITE_HOSTNAME": "site.azurewebsites.net",
		// Not Azure's: "azcollector settings" checks the self-hosted listener as well,
		// which the program does not open under the host.
		"LISTEN": "127.0.0.1:8443"}
	used := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value, isText := armtemplate.Plain(settings[name]).(string)
		if !isText {
			c.complain("app setting %s: is no string", name)
			continue
		}
		if strings.HasPrefix(value, "@") {
			secret := vaultReference(d, value)
			_, kept, ok := referred(value)
			switch {
			case secret != nil:
				used[secret.ID] = true
				value = textAt(secret.Properties(), "value")
			case ok && slices.Contains(v.kept(), name) && kept == secretName(name):
				value = v.secret(name)
			default:
				c.complain("app setting %s: refers to no secret that is deployed: %s", name, value)
				continue
			}
		}
		env[name] = made.ReplaceAllStringFunc(value, madeUp)
	}
	for _, x := range d.Resources {
		if x.Type == vaultSecrets && x.Enabled && !used[x.ID] {
			c.complain("%s: no app setting refers to it", x.Name[strings.Index(x.Name, "/")+1:])
		}
	}
	return env
}

// made is a value of armtemplate.Made.
var made = regexp.MustCompile(`<([A-Za-z.]+(?:/[A-Za-z]+)+)/([A-Za-z0-9-]+) ([A-Za-z.]+)>`)

// madeUp is a possible value for one.
func madeUp(placeholder string) string {
	parts := made.FindStringSubmatch(placeholder)
	if strings.HasSuffix(parts[3], "Id") {
		return fmt.Sprintf("00000000-0000-0000-0000-%012d", len(parts[2]))
	}
	return "made-up"
}
