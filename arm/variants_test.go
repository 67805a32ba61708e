package arm_test

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"azcollector/internal/armtemplate"
)

// A variant is one way to deploy.
type variant struct {
	cloud string // AzureCloud, if empty
	given object
	// refused is all that the program has to say against it; empty: nothing.
	refused []string
}

const (
	subscriptionID = "99999999-8888-7777-6666-555555555555"
	tenantID       = "12121212-3434-5656-7878-909090909090"
	clientID       = "abababab-cdcd-efef-0101-232323232323"
	elsewhere      = "/subscriptions/11111111-aaaa-bbbb-cccc-dddddddddddd/resourceGroups/other/providers/"
	subnet         = elsewhere + "Microsoft.Network/virtualNetworks/net/subnets/functions"
	workspace      = elsewhere + "Microsoft.OperationalInsights/workspaces/central"
	signer         = "rhpLUQT4uzYe4lFqtmOmoFLNsL2Wq0jVvk7LwbNmN4I=" // a public key
)

func (v variant) scope() armtemplate.Scope {
	return armtemplate.Scope{Cloud: cmp.Or(v.cloud, "AzureCloud"), Tenant: tenantID, Subscription: subscriptionID,
		ResourceGroup: "logs-rg", Location: "westeurope", Deployment: "azcollector"}
}

// parameter is one that is given, in any case, or the template's default.
func (v variant) parameter(c *court, name string) any {
	for key, value := range v.given {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return at(c.template, "parameters", name, "defaultValue")
}

// kept are the settings whose secrets are in the vault from before.
func (v variant) kept() (names []string) {
	listed, _ := v.given["keepSecrets"].(list)
	for _, name := range listed {
		names = append(names, name.(string))
	}
	return names
}

// secret is what the vault has for a kept one.
func (v variant) secret(setting string) string {
	if strings.HasSuffix(setting, "_URL") {
		return "https://kept.example/" + setting
	}
	return "kept " + setting
}

// with is a copy of what is given and more.
func with(base object, more ...any) object {
	given := object{}
	for name, value := range base {
		given[name] = value
	}
	for i := 0; i < len(more); i += 2 {
		given[more[i].(string)] = more[i+1]
	}
	return given
}

var (
	keys = object{"appTenantId": tenantID, "appClientId": clientID,
		"appAlAccessKeyId": "the access key id", "appAlSecretKey": "the secret key"}
	bySecret   = with(keys, "appClientSecret", "the client secret", "appClientSecretExpires", "2027-05-31")
	byIdentity = with(keys, "useManagedIdentityCredential", true)
	premium    = with(bySecret, "hostingPlan", "ElasticPremium")
	updating   = with(byIdentity, "selfUpdate", true, "updateManifestUrl", "https://releases.example/azcollector/manifest.json",
		"updatePublicKeys", signer)
)

// variants are the ways to deploy that the real files are judged in.
func variants(t *testing.T) map[string]variant {
	inPEM, inPFX := certificate(t)
	return map[string]variant{
		"secret":                {given: bySecret},
		"secret, certificate":   {given: with(keys, "appClientCertificate", inPEM)},
		"PFX with a password":   {given: with(keys, "appClientCertificate", inPFX, "appClientCertificatePassword", pfxPassword)},
		"federated":             {given: byIdentity},
		"premium":               {given: premium},
		"premium, network":      {given: with(premium, "subnetResourceId", subnet, "premiumSku", "EP2", "maximumInstanceCount", int64(5))},
		"self-update":           {given: updating},
		"premium, self-update":  {given: with(updating, "hostingPlan", "ElasticPremium")},
		"restricted":            {given: with(bySecret, "restrictWebhookToMicrosoft", true)},
		"premium, restricted":   {given: with(premium, "restrictWebhookToMicrosoft", true)},
		"pull only":             {given: with(byIdentity, "publicUrl", "none")},
		"watch":                 {given: with(byIdentity, "publicUrl", "None", "o365Subscriptions", "watch")},
		"own address":           {given: with(byIdentity, "publicUrl", "https://logs.example.com")},
		"jsonl":                 {given: object{"appTenantId": tenantID, "appClientId": clientID, "useManagedIdentityCredential": true, "sink": "jsonl", "jsonlPath": "/tmp/records.jsonl"}},
		"kept secrets":          {given: object{"appTenantId": tenantID, "appClientId": clientID, "keepSecrets": list{"APP_CLIENT_SECRET", "APP_AL_ACCESS_KEY_ID", "APP_AL_SECRET_KEY"}}},
		"locked down":           {given: with(byIdentity, "storagePublicNetworkAccess", "Disabled", "vaultPublicNetworkAccess", "Disabled", "subnetResourceId", subnet, "workspaceResourceId", workspace, "alertEmail", "soc@example.com")},
		"longest name":          {given: with(updating, "appName", strings.Repeat("Name-", 10)+"52", "alertEmail", "soc@example.com")},
		"every secret":          {given: with(bySecret, "o365WebhookAuthId", "printable-and-long", "configUrl", "https://config.example/x", "configPublicKey", signer, "updateManifestUrl", "https://releases.example/m", "updatePublicKeys", signer)},
		"GCC High from outside": {given: with(updating, "azureCloud", "gcchigh")},
		"government":            {cloud: "AzureUSGovernment", given: with(byIdentity, "azureCloud", "gcchigh")},
		// Where the suffix of vaults has no dot: see armtemplate.
		"government, no dot":    {cloud: "AzureUSGovernment without the dot", given: with(bySecret, "azureCloud", "gcchigh")},
		"china, no dot":         {cloud: "AzureChinaCloud without the dot", given: with(bySecret, "azureCloud", "china")},
		"china, premium":        {cloud: "AzureChinaCloud", given: with(premium, "azureCloud", "china")},
		"earlier, generation 1": {given: parameterFile(t, "testdata/incumbent_1.parameters.json")},
		"earlier, generation 2": {given: parameterFile(t, "testdata/incumbent_2.parameters.json")},
		"the example":           {given: parameterFile(t, "azuredeploy.parameters.example.json")},
		"further settings":      {given: with(byIdentity, "additionalAppSettings", object{"HTTPS_PROXY": "http://proxy.example:3128", "SINK": "jsonl"})},

		// Deployed again after an update, with and without self-update from now on.
		"kept package":                  {given: with(updating, "packageUri", "")},
		"premium, kept package":         {given: with(updating, "hostingPlan", "ElasticPremium", "packageUri", ownPackage(t, ""))},
		"premium, kept without updates": {given: with(premium, "packageUri", ownPackage(t, ""))},
		"kept manifest":                 {given: with(byIdentity, "selfUpdate", true, "keepSecrets", list{"UPDATE_MANIFEST_URL"}, "updatePublicKeys", signer)},
		"told of releases":              {given: with(updating, "selfUpdate", false)},
		"government, self-update":       {cloud: "AzureUSGovernment", given: with(updating, "azureCloud", "gcchigh")},
		"china, kept package": {cloud: "AzureChinaCloud", given: with(updating, "azureCloud", "china", "hostingPlan", "ElasticPremium",
			"packageUri", ownPackage(t, "AzureChinaCloud"))},
		"locked down, self-update":          {given: with(updating, "storagePublicNetworkAccess", "Disabled", "subnetResourceId", subnet)},
		"locked down, premium, self-update": {given: with(updating, "hostingPlan", "ElasticPremium", "storagePublicNetworkAccess", "Disabled", "subnetResourceId", subnet)},
		"self-update from nowhere":          {given: with(byIdentity, "selfUpdate", true, "updatePublicKeys", signer)},
		"self-update without keys": {given: with(byIdentity, "selfUpdate", true, "updateManifestUrl", "https://releases.example/m"),
			refused: []string{"UPDATE_PUBLIC_KEYS: missing; UPDATE_MANIFEST_URL needs the keys that sign releases"}},

		"nothing given": {refused: []string{
			"APP_CLIENT_ID: missing; set the application (client) id, a GUID",
			"APP_CLIENT_SECRET: missing; set it, or APP_CLIENT_CERTIFICATE, or APP_FEDERATED_IDENTITY",
			"APP_AL_ACCESS_KEY_ID: missing; SINK=alertlogic needs it",
			"APP_AL_SECRET_KEY: missing; SINK=alertlogic needs it",
		}},
	}
}

// parameterFile reads one as Azure's command line does. Secrets that it takes out of
// some vault are made up.
func parameterFile(t *testing.T, file string) object {
	t.Helper()
	given := object{}
	parameters, _ := readObject(t, file)["parameters"].(object)
	for name, v := range parameters {
		value, plain := v.(object)["value"]
		if !plain {
			value = "out of a vault: " + textAt(v, "reference", "secretName")
		}
		given[name] = value
	}
	return given
}

const pfxPassword = "of the PFX"

// certificate is a self-signed one with its key: as PEM, and as PFX in base64.
func certificate(t *testing.T) (inPEM, inPFX string) {
	t.Helper()
	both, err := makeCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return both[0], both[1]
}

var makeCertificate = sync.OnceValues(func() (both [2]string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return both, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return both, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return both, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return both, err
	}
	pfx, err := pkcs12.Modern.Encode(key, parsed, nil, pfxPassword)
	both[0] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	both[1] = base64.StdEncoding.EncodeToString(pfx)
	return both, err
})

// deploy evaluates the template, which must work.
func (c *court) deploy(t *testing.T, v variant) *armtemplate.Deployment {
	t.Helper()
	parsed, err := armtemplate.New(c.template)
	if err != nil {
		t.Fatal(err)
	}
	d, err := parsed.Deploy(v.scope(), v.given)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
