package state

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// The roles that the requests need ("Azure built-in roles for Storage"). A user
// delegation key is the account's, and no role on a container gives it ("Get User
// Delegation Key", section "Authorization").
const (
	packageWriter = `"Storage Blob Data Contributor" on the container`
	keyAsker      = `"Storage Blob Delegator" on the account`
)

// judgePackages turns an SDK error into one line of ours and says what it judges. No
// request of ours judges a payload: what is no passing trouble, somebody has to mend.
func judgePackages(doing, needs string, err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*tokenError](err); ok {
		return &collect.Fault{
			Verdict:    collect.VerdictOf(refusal.err),
			RetryAfter: collect.RetryAfterOf(refusal.err),
			Err:        fmt.Errorf("%s: get a token for UPDATE_PACKAGE_CONTAINER: %w", doing, oneLine{wire.Redact(refusal.err)}),
		}
	}
	if fault, ok := errors.AsType[*collect.Fault](err); ok { // ours, of an answer that came
		return &collect.Fault{Verdict: fault.Verdict, Err: fmt.Errorf("%s: %w", doing, fault.Err)}
	}
	a := read(err)
	if a.status == 0 {
		return &collect.Fault{Verdict: collect.Temporary, Err: fmt.Errorf("%s: %w", doing, oneLine{wire.Redact(err)})}
	}
	fault := &collect.Fault{Verdict: collect.JudgesUs, RetryAfter: a.retryAfter, Code: or(a.code, strconv.Itoa(a.status))}
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		fault.Err = fmt.Errorf("%s: storage answered %d; give the managed identity the role %s in UPDATE_PACKAGE_CONTAINER", doing, a.status, needs)
	case a.status == http.StatusNotFound:
		fault.Err = fmt.Errorf("%s: there is no such container as UPDATE_PACKAGE_CONTAINER names (%d); deploy the template with selfUpdate", doing, a.status)
	case a.status >= 300 && a.status < 400:
		fault.Err = fmt.Errorf("%s: answered %d, and redirects are not followed; check UPDATE_PACKAGE_CONTAINER", doing, a.status)
	case collect.JudgeDestination(a.status) == collect.Temporary:
		fault.Verdict = collect.Temporary
		fault.Err = fmt.Errorf("%s: answered %d", doing, a.status)
	default:
		fault.Err = fmt.Errorf("%s: answered %d; check UPDATE_PACKAGE_CONTAINER", doing, a.status)
	}
	return fault
}

// broken is an answer that came, is not what it should be, and would be no other the
// next time.
func broken(format string, values ...any) error {
	return &collect.Fault{Verdict: collect.JudgesUs, Err: fmt.Errorf(format, values...)}
}
