package master_test

import (
	"errors"
	"fmt"
	"testing"

	"azcollector/internal/collect"
	"azcollector/master"
)

func TestCodeOf(t *testing.T) {
	fault := func(verdict collect.Verdict, code string) error {
		return fmt.Errorf("wrapped: %w", &collect.Fault{Verdict: verdict, Code: code, Err: errors.New("x")})
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"a wrong secret":       {fault(collect.JudgesUs, "AADSTS7000215"), master.TokenRefused},
		"an expired secret":    {fault(collect.JudgesUs, "AADSTS7000222"), master.CredentialExpired},
		"Entra is down":        {fault(collect.Temporary, "AADSTS90033"), ""},
		"no such tenant":       {fault(collect.JudgesUs, "AADSTS90002"), master.TenantWrong},
		"another tenant":       {fault(collect.JudgesUs, "AF20010"), master.TenantWrong},
		"no permission":        {fault(collect.JudgesUs, "AF10001"), master.PermissionMissing},
		"auditing is off":      {fault(collect.JudgesUs, "auditing-off"), master.AuditingOff},
		"an unknown type":      {fault(collect.JudgesUs, "AF20020"), master.SubscriptionRefused},
		"an invalid webhook":   {fault(collect.JudgesUs, "AF20021"), master.WebhookUnreachable},
		"somebody's plain 401": {fault(collect.JudgesUs, "401"), ""},
		"throttled":            {fault(collect.Temporary, "AF429"), ""},
		"no fault":             {errors.New("AF10001"), ""},
		"nothing":              {nil, ""},
	} {
		code, ok := master.CodeOf(test.err)
		if code.ID != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, code.ID, ok, test.want)
		}
	}
}
