package main

import (
	"fmt"
	"regexp"
	"strings"
)

// vaultReference begins the value of a setting that Azure App Service takes from a
// Key Vault before it starts us. One that it cannot resolve it hands over as it is
// (learn.microsoft.com, "Use Key Vault references as app settings").
const vaultReference = "@Microsoft.KeyVault("

func isVaultReference(value string) bool {
	value = strings.TrimSpace(value)
	return len(value) >= len(vaultReference) && strings.EqualFold(value[:len(vaultReference)], vaultReference)
}

// vaultSecret finds a secret's name in both forms of a reference, by its address and
// by SecretName. A name is of letters, digits and dashes (learn.microsoft.com, "About
// keys, secrets, and certificates", object identifiers).
var vaultSecret = regexp.MustCompile(`(?i)(?:/secrets/|\bSecretName=)([0-9a-z-]{1,127})(?:[/;)]|\s*$)`)

// unresolved complains of a reference. Of what it says only the secret's name is
// repeated: the rest may be a value that somebody wrapped by mistake.
func (r *setting) unresolved(value string) error {
	if !isVaultReference(value) {
		return nil
	}
	secret := "the secret"
	if found := vaultSecret.FindStringSubmatch(value); found != nil {
		secret = "the secret " + found[1]
	}
	return fmt.Errorf("%s: is still a Key Vault reference, so Azure could not resolve it; check that the identity named by "+
		"keyVaultReferenceIdentity is assigned to the app and has the role Key Vault Secrets User, that %s exists and is enabled, "+
		"and that the vault's firewall lets the app in; then restart the app. Outside of Azure nobody resolves it: set the value itself", r.name, secret)
}
