package master

import (
	"errors"
	"strings"

	"azcollector/internal/collect"
)

// A coded error is told under a code because of where it comes from.
type coded struct {
	code string
	err  error
}

func (e *coded) Error() string { return e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

func withCode(code string, err error) error {
	if err == nil {
		return nil
	}
	return &coded{code, err}
}

// ofState marks what the store failed with.
func ofState(err error) error { return withCode(StateFailed, err) }

// CodeOf tells what an error means to an administrator, if its source said so in
// a way that nobody else does (Microsoft's and Entra's own codes), or if a step of
// ours knows where it comes from.
func CodeOf(err error) (Code, bool) {
	if known, ok := errors.AsType[*coded](err); ok {
		return LookupCode(known.code)
	}
	fault, ok := errors.AsType[*collect.Fault](err)
	if !ok || fault.Verdict != collect.JudgesUs {
		return Code{}, false
	}
	return LookupCode(explain(fault.Code))
}

// explain reads the code of a fault of Entra or the Management Activity API
// (Microsoft Learn, "Microsoft Entra authentication and authorization error codes";
// Management Activity API reference, "Errors"); "": it explains nothing.
func explain(code string) string {
	switch code {
	case "AADSTS90033": // Entra is not available
		return ""
	case "AADSTS7000222":
		return CredentialExpired
	case "AADSTS90002", "AADSTS900023", "AADSTS90038", "AADSTS900382", "AADSTS900432",
		"AF20010", "AF20011", "AF20012", "AF20013":
		return TenantWrong
	case "AF10001":
		return PermissionMissing
	case "auditing-off": // internal/microsoft's own word: the API has no code for it
		return AuditingOff
	case "AF20001", "AF20002", "AF20003", "AF20020": // a parameter: they say which
		return SubscriptionRefused
	case "AF20021":
		return WebhookUnreachable
	}
	if strings.HasPrefix(code, "AADSTS") {
		return TokenRefused
	}
	return ""
}

// explainSource explains more, for a fault that is known to come from the source:
// its bare 401 means that a new token was refused as well.
func explainSource(code string) string {
	if code == "401" {
		return TokenRefused
	}
	return explain(code)
}

// sourceFinding says what an error of the source means; false: nobody knows.
func sourceFinding(err error) (collect.Finding, bool) {
	fault, ok := errors.AsType[*collect.Fault](err)
	if !ok || fault.Verdict != collect.JudgesUs {
		return collect.Finding{}, false
	}
	id := explainSource(fault.Code)
	return collect.Finding{Code: id, Text: err.Error()}, id != ""
}
