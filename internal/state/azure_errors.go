package state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// Error codes of the services ("Table Storage error codes", "Blob Storage error
// codes", "Queue Storage error codes" on learn.microsoft.com).
const (
	codeEntityExists    = "EntityAlreadyExists"
	codeTableExists     = "TableAlreadyExists"
	codeTableNotFound   = "TableNotFound"
	codeNoRow           = "ResourceNotFound"
	codeNoEntity        = "EntityNotFound"
	codeContainerExists = "ContainerAlreadyExists"
	codeNoContainer     = "ContainerNotFound"
	codeBlobNotFound    = "BlobNotFound"
	codeQueueExists     = "QueueAlreadyExists"
	codeNoQueue         = "QueueNotFound"
	codeOtherReceipt    = "PopReceiptMismatch"
)

// An answer is what an SDK error says, without the headers, the address and the
// lines that it prints.
type answer struct {
	status     int // 0: none arrived
	code       string
	retryAfter time.Duration
}

// codeForm is what the services' codes look like. Anything else is somebody else's word,
// and may repeat a signature of ours.
var codeForm = regexp.MustCompile(`^\w{1,64}$`)

// inTransaction finds the status line and the code of the write that made a
// transaction fail; the answer as a whole says 202.
var (
	innerStatus = regexp.MustCompile(`(?m)^HTTP/1\.[01] ([45]\d\d)`)
	innerCode   = regexp.MustCompile(`"code"\s*:\s*"(\w{1,64})"`)
)

func read(err error) answer {
	response, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return answer{}
	}
	a := answer{status: response.StatusCode, code: codeForm.FindString(response.ErrorCode)}
	if response.RawResponse == nil {
		return a
	}
	a.retryAfter = wire.RetryAfter(response.RawResponse.Header, time.Now())
	if a.status != http.StatusAccepted {
		return a
	}
	a.status = 0 // a transaction failed; how is in the body
	body, err := runtime.Payload(response.RawResponse)
	if err != nil {
		return a
	}
	if m := innerStatus.FindSubmatch(body); m != nil {
		a.status, _ = strconv.Atoi(string(m[1])) // three digits
	}
	if m := innerCode.FindSubmatch(body); m != nil {
		a.code = string(m[1])
	}
	return a
}

// judge turns an SDK error into one line of ours and says what it judges. doing
// is what was tried, such as "insert content a/b"; to is the service.
func judge(doing string, to service, err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*tokenError](err); ok {
		return fmt.Errorf("%s: %w", doing, refusal.fault())
	}
	a := read(err)
	if a.status == 0 {
		return &collect.Fault{Verdict: collect.Temporary, Err: fmt.Errorf("%s: %w", doing, oneLine{wire.Redact(err)})}
	}
	fault := &collect.Fault{RetryAfter: a.retryAfter, Code: or(a.code, strconv.Itoa(a.status))}
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		fault.Verdict = collect.JudgesUs
		fault.Err = fmt.Errorf("%s: the storage account answered %d; check the key or signature in AzureWebJobsStorage, or give the identity the role %s",
			doing, a.status, roles[to])
	case a.status == http.StatusNotFound && a.code == "":
		fault.Verdict = collect.JudgesUs
		fault.Err = fmt.Errorf("%s: answered 404, and not by the storage account; check the %s endpoint in AzureWebJobsStorage", doing, to)
	case a.status >= 300 && a.status < 400:
		fault.Verdict = collect.JudgesUs
		fault.Err = fmt.Errorf("%s: answered %d, and redirects are not followed; check the %s endpoint in AzureWebJobsStorage", doing, a.status, to)
	case collect.JudgeDestination(a.status) == collect.Temporary,
		a.code == codeTableNotFound, a.code == codeNoContainer, a.code == codeNoQueue, // made a moment ago, and not yet everywhere
		a.code == "TableBeingDeleted", a.code == "ContainerBeingDeleted", a.code == "QueueBeingDeleted":
		fault.Verdict = collect.Temporary
		fault.Err = fmt.Errorf("%s: answered %d", doing, a.status)
	default: // our request is wrong; asking again would not mend it, a new version might
		return fmt.Errorf("%s: answered %d %s", doing, a.status, a.code)
	}
	return fault
}

var roles = [...]string{
	tables: `"Storage Table Data Contributor"`,
	blobs:  `"Storage Blob Data Contributor"`,
	queues: `"Storage Queue Data Contributor"`,
}

// isUnknown reports whether the request may or may not have happened. Throttling
// (429, 503 ServerBusy) counts as well: a read more does no harm.
func isUnknown(err error) bool {
	fault, ok := errors.AsType[*collect.Fault](err)
	return ok && fault.Verdict == collect.Temporary
}

// oneLine prints an error of strangers in one line of at most 1 KiB and keeps
// what it wraps.
type oneLine struct{ error }

func (o oneLine) Error() string { return wire.Printable(o.error.Error()) }
func (o oneLine) Unwrap() error { return o.error }

// identity marks the errors of the credential, which otherwise look like those
// of the network.
type identity struct{ azcore.TokenCredential }

func (i identity) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := i.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return token, &tokenError{err}
	}
	return token, nil
}

type tokenError struct{ err error }

func (t *tokenError) Error() string { return wire.Printable(t.err.Error()) }
func (t *tokenError) Unwrap() error { return t.err }

// fault keeps the verdict of a credential that gives one.
func (t *tokenError) fault() *collect.Fault {
	return &collect.Fault{
		Verdict:    collect.VerdictOf(t.err),
		RetryAfter: collect.RetryAfterOf(t.err),
		Err:        fmt.Errorf("get a token for AzureWebJobsStorage: %w", oneLine{wire.Redact(t.err)}),
	}
}
