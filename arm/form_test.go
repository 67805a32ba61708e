package arm_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKeptSecrets works out what the form hands on as keepSecrets.
func TestKeptSecrets(t *testing.T) {
	const (
		credential  = "steps/microsoft365/credential"
		secret      = "steps/microsoft365/secretKept"
		certificate = "steps/microsoft365/certificateKept"
		password    = "steps/microsoft365/passwordKept"
		keys        = "steps/destination/keysKept"
		webhook     = "steps/advanced/webhookSecretKept"
	)
	none := object{credential: "federated", keys: false, webhook: false}
	for name, c := range map[string]struct {
		filled object
		want   list
	}{
		"nothing":                {none, list{}},
		"client secret":          {with(none, credential, "secret", secret, true), list{"APP_CLIENT_SECRET"}},
		"secret given":           {with(none, credential, "secret", secret, false), list{}},
		"chosen, then hidden":    {with(none, secret, true, certificate, true, password, true), list{}},
		"certificate":            {with(none, credential, "certificate", certificate, true), list{"APP_CLIENT_CERTIFICATE"}},
		"certificate, password":  {with(none, credential, "certificate", certificate, true, password, true), list{"APP_CLIENT_CERTIFICATE", "APP_CLIENT_CERTIFICATE_PASSWORD"}},
		"password of no kept":    {with(none, credential, "certificate", certificate, false, password, true), list{}},
		"keys":                   {with(none, keys, true), list{"APP_AL_ACCESS_KEY_ID", "APP_AL_SECRET_KEY"}},
		"secret, keys, webhook":  {with(none, credential, "secret", secret, true, keys, true, webhook, true), list{"APP_CLIENT_SECRET", "APP_AL_ACCESS_KEY_ID", "APP_AL_SECRET_KEY", "O365_WEBHOOK_AUTH_ID"}},
		"the webhook's, nothing": {with(none, webhook, true), list{"O365_WEBHOOK_AUTH_ID"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := readPapers(t)
			got, err := formValue(textAt(p.form, "parameters", "outputs", "keepSecrets"), c.filled)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(any(c.want), got); diff != "" {
				t.Error(diff)
			}
			known, _ := at(p.template, "variables", "secretNames").(list)
			for _, name := range c.want {
				if !slices.Contains(known, name) {
					t.Errorf("%v is no secret of the template", name)
				}
			}
		})
	}
}
