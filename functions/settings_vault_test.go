package main

import (
	"slices"
	"strings"
	"testing"
)

// Whatever setting a reference stands in, the complaint names the setting and the
// secret, and nothing else of the reference is shown anywhere.
func TestVaultReferences(t *testing.T) {
	for i := range table {
		for _, name := range table[i].names() {
			t.Run(name, func(t *testing.T) {
				env := good(table[i].name+"=", name+"=@Microsoft.KeyVault(SecretUri=https://MARKER.vault.azure.net/secrets/the-secret-s-name/MARKER)")
				s, err := LoadSettings(Sources{Env: env, Listens: true})
				if err == nil {
					t.Fatal("no complaint")
				}
				says := func(line string) bool {
					return strings.HasPrefix(line, table[i].name+": is still a Key Vault reference") && strings.Contains(line, "the secret the-secret-s-name exists")
				}
				if lines := strings.Split(err.Error(), "\n"); !slices.ContainsFunc(lines, says) {
					t.Errorf("complaints %q", lines)
				}
				var printed strings.Builder
				if err := s.Print(&printed); err != nil {
					t.Fatal(err)
				}
				if all := err.Error() + printed.String() + strings.Join(s.Warnings, " "); strings.Contains(all, "MARKER") {
					t.Errorf("the reference is shown: %s", all)
				}
				if !strings.Contains(printed.String(), "@Microsoft.KeyVault(…)") {
					t.Errorf("not shown as a reference:\n%s", printed.String())
				}
			})
		}
	}
}

func TestVaultReferenceForms(t *testing.T) {
	for name, c := range map[string]struct{ value, want string }{
		"by address":          {"@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/one)", "the secret one exists"},
		"by address, version": {"@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/one/0123456789abcdef)", "the secret one exists"},
		"by name":             {"@Microsoft.KeyVault(VaultName=v;SecretName=two)", "the secret two exists"},
		"by name, version":    {"@Microsoft.KeyVault(VaultName=v;SecretName=two;SecretVersion=x)", "the secret two exists"},
		"in another case":     {" @microsoft.keyvault(vaultname=v;secretname=two)", "the secret two exists"},
		"torn":                {"@Microsoft.KeyVault(", "that the secret exists"},
		"a value by mistake":  {"@Microsoft.KeyVault(pass~word)", "that the secret exists"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadSettings(Sources{Env: good("APP_CLIENT_SECRET=" + c.value), Listens: true})
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "pass~word") {
				t.Errorf("complaint %v, want %q", err, c.want)
			}
		})
	}
	for _, fine := range []string{"@Microsoft.KeyVault", "Microsoft.KeyVault(", "x@Microsoft.KeyVault(SecretName=y)"} {
		if _, err := LoadSettings(Sources{Env: good("APP_CLIENT_SECRET=" + fine), Listens: true}); err != nil {
			t.Errorf("%s: %v", fine, err)
		}
	}
}
