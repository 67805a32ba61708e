package master

import "slices"

// The codes of findings. Once given, a code keeps its meaning: people search for it.
const (
	TokenRefused      = "AZC1001"
	CredentialExpired = "AZC1002"
	CredentialExpires = "AZC1003"
	PermissionMissing = "AZC1004"
	AuditingOff       = "AZC1005"
	TenantWrong       = "AZC1006"

	SubscriptionRefused   = "AZC1101"
	SubscriptionRestarted = "AZC1102"
	WebhookUnreachable    = "AZC1103"
	WebhookTaken          = "AZC1104"
	TwoCollectors         = "AZC1105"
	NotificationsFail     = "AZC1106"
	SubscriptionsUnknown  = "AZC1107"
	SubscriptionNotOurs   = "AZC1108"
	NotificationsForged   = "AZC1109"

	ListingBehind  = "AZC1201"
	Unobserved     = "AZC1202"
	ContentExpired = "AZC1203"
	ClockWrong     = "AZC1204"

	DestinationRefuses     = "AZC1301"
	DestinationUnreachable = "AZC1302"
	PendingOld             = "AZC1303"
	DeadLetters            = "AZC1304"
	RegistrationFailed     = "AZC1305"
	CheckInFailed          = "AZC1306"

	ConfigRefused = "AZC1401"
	StreamOff     = "AZC1402"

	UpdateFails      = "AZC1403"
	UpdateRolledBack = "AZC1404"
	UpdateAvailable  = "AZC1405"
	ConfigSlows      = "AZC1406"

	StateFailed   = "AZC1901"
	InternalError = "AZC1902"
	StateForged   = "AZC1903"
)

// Severity says whether a finding makes the collector's status "error".
type Severity string

// The severities: with a warning, everything is collected and delivered still.
const (
	Warn  Severity = "warn"
	Error Severity = "error"
)

// A Code is what a finding's code means, and what to do about it. docs/operations.md
// has the same table.
type Code struct {
	ID, Name string
	Severity Severity
	Means    string
	Remedy   string
	Shown    string // the command or the query that shows it
}

// Codes lists all of them in order.
func Codes() []Code { return slices.Clone(codes) }

// LookupCode finds a code by its ID.
func LookupCode(id string) (Code, bool) {
	i := slices.IndexFunc(codes, func(c Code) bool { return c.ID == id })
	if i < 0 {
		return Code{}, false
	}
	return codes[i], true
}

// severityOf counts what nobody knows as an error: silence would be worse.
func severityOf(id string) Severity {
	if code, ok := LookupCode(id); ok {
		return code.Severity
	}
	return Error
}
